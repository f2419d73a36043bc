/** What limits a permission: groups of devices, tags of releases, or nothing. */
export type ScopeKind = "groups" | "tags" | "none";

/**
 * What a person may do, and how its scope is checked. Each route declares one of them.
 *
 * - `groups`: the session sees only devices of the groups, the devices' share of counts, and the deployments that
 *   concern such a device. A deployment can be made, or ended, only by who may act on all devices that it is for.
 * - `tags`: the session sees only releases with one of the tags, and their Artifacts.
 * - `none`: the permission holds for the whole tenant.
 *
 * The queries in `server/adapters/postgres` ask the session (`sight.ts`), so no route can forget it.
 */
export const PERMISSIONS = {
  ReadDevices: "groups",
  ManageDevices: "groups",
  ConfigureDevices: "groups",
  ConnectToDevices: "groups",
  ReadDeployments: "groups",
  DeployToDevices: "groups",
  ReadReleases: "tags",
  UploadArtifacts: "tags",
  ManageReleases: "tags",
  /** Bring releases into channels, and approve it. */
  PromoteReleases: "tags",
  /** Channels and signing keys. Of the built-in roles, only administrators have it. */
  ManageChannels: "none",
  /** What all deployments together may need. Of the built-in roles, only administrators have it. */
  ManageLimits: "none",
  ReadUsers: "none",
  ManageUsers: "none",
  ReadAuditLogs: "none",
  /** Webhooks. Of the built-in roles, only administrators have it. */
  ReadIntegrations: "none",
  ManageIntegrations: "none",
  /** One's own account, tokens and settings. Everybody who can log in has it. */
  Basic: "none",
} as const satisfies Readonly<Record<string, ScopeKind>>;

export type Permission = keyof typeof PERMISSIONS;
