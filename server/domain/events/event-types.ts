import type { Permission } from "../permissions/permissions.ts";

/**
 * What happens to devices, deployments and the rest, and what a person must be allowed to read to hear of it. The first
 * four are Mender's, with Mender's data. A name never changes its meaning.
 */
export const EVENT_TYPES = {
  "device-provisioned": "ReadDevices",
  "device-decommissioned": "ReadDevices",
  "device-status-changed": "ReadDevices",
  "device-inventory-changed": "ReadDevices",
  "deployment-created": "ReadDeployments",
  "deployment-started": "ReadDeployments",
  "deployment-finished": "ReadDeployments",
  "deployment-aborted": "ReadDeployments",
  // A failed attempt. Successes are many, and are in the counts: one event for each device would be one million.
  "deployment-device-failed": "ReadDeployments",
  // A decision of the rollout engine or of a person: a wave opens, a rule halts, someone resumes.
  "rollout-decided": "ReadDeployments",
  // A release has come into a channel.
  "release-promoted": "ReadReleases",
  "audit-recorded": "ReadAuditLogs",
} as const satisfies Record<string, Permission>;

export type EventType = keyof typeof EVENT_TYPES;

export const EVENT_NAMES = Object.keys(EVENT_TYPES) as [EventType, ...EventType[]];

/** What Mender's webhooks send. A webhook that names no events gets these. */
export const MENDER_EVENTS = [
  "device-provisioned",
  "device-decommissioned",
  "device-status-changed",
  "device-inventory-changed",
] as const satisfies readonly EventType[];

/** Something that happened. */
export interface Happening {
  readonly type: EventType;
  /** Of devices and deployments: `id`. Each event of a device has its `group`, which scopes of roles ask for. */
  readonly data: Readonly<Record<string, unknown>>;
}
