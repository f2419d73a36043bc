import { z } from "zod";
import { Id, Timestamp } from "./common.ts";
import { MenderPhases } from "./rollout-estimates.ts";
import { Plan } from "./rollouts.ts";
import { Line } from "./text.ts";

const Name = Line.min(1);
const Action = z.enum(["continue", "force_continue", "pause", "fail"]);

/** When a device waits for a person before a step. Only old clients understand it. */
const UpdateControlMap = z.object({
  priority: z.number().int().min(-10).max(10).optional(),
  states: z.partialRecord(
    z.enum(["ArtifactInstall_Enter", "ArtifactReboot_Enter", "ArtifactCommit_Enter"]),
    z.object({
      action: Action.optional(),
      on_map_expire: z.enum(["continue", "force_continue", "fail"]).optional(),
      on_action_executed: Action.optional(),
    }),
  ),
});

const GroupFields = z.object({
  name: Name,
  artifact_name: Name,
  force_installation: z.boolean().optional(),
  /** How often a device that failed tries again. */
  retries: z.number().int().min(0).max(100).optional(),
  update_control_map: UpdateControlMap.optional(),
  /** How the deployment reaches its devices. Without it, all of them may begin at once. */
  rollout: Plan.optional(),
  /** Instead of a plan, Mender's fields. */
  phases: MenderPhases.optional(),
  max_devices: z.number().int().min(0).max(1_000_000_000).optional(),
});
/** Of a plan and Mender's own fields, a body has one. */
const hasOnePlan = ({
  rollout,
  phases,
  max_devices: max,
}: Pick<z.infer<typeof GroupFields>, "rollout" | "phases" | "max_devices">): boolean =>
  rollout === undefined || (phases === undefined && max === undefined);
const ONE_PLAN = { error: "phases and max_devices do not go with rollout, which has its own", path: ["rollout"] };

/** A deployment to the devices of a group. */
export const NewGroupDeployment = GroupFields.refine(hasOnePlan, ONE_PLAN);
export type NewGroupDeployment = z.infer<typeof NewGroupDeployment>;

/** A deployment to a list of devices, or to all that are accepted. */
export const NewDeployment = GroupFields.extend({
  devices: z.array(Id).optional(),
  all_devices: z.boolean().optional(),
}).refine(hasOnePlan, ONE_PLAN);

/** A deployment to the devices of a dynamic group. */
export const NewFilterDeployment = GroupFields.extend({
  filter_id: Id,
  /** Whether devices that match later get it as well. If not, it is for those that match now. */
  dynamic: z.boolean().default(true),
}).refine(hasOnePlan, ONE_PLAN);

export const DeploymentStatistics = z.record(z.string(), z.number().int());

export const Deployment = z.object({
  id: Id,
  name: z.string(),
  artifact_name: z.string(),
  type: z.enum(["software", "configuration"]),
  /** Mender's word: a deployment that was aborted is `finished`. */
  status: z.enum(["pending", "inprogress", "finished"]),
  /** Our word, which tells `aborted` apart. */
  state: z.enum(["pending", "inprogress", "finished", "aborted"]),
  created: Timestamp,
  started: Timestamp.optional(),
  finished: Timestamp.optional(),
  /** At its creation. */
  device_count: z.number().int(),
  initial_device_count: z.number().int(),
  max_devices: z.number().int(),
  /** Ids of the artifacts of its release. */
  artifacts: z.array(Id),
  groups: z.array(z.string()),
  /** Of a deployment to a dynamic group: the group as it was then. */
  filter: z.object({ id: Id, name: z.string(), terms: z.array(z.record(z.string(), z.unknown())) }).optional(),
  /** Whether devices that match later get it as well. Such a deployment does not finish by itself. */
  dynamic: z.boolean().optional(),
  statistics: z.object({ status: DeploymentStatistics }),
  force_installation: z.boolean(),
  retries: z.number().int(),
  update_control_map: z.record(z.string(), z.unknown()).optional(),
  configuration: z.record(z.string(), z.string()).optional(),
  created_by: z.record(z.string(), z.unknown()).optional(),
});
export type Deployment = z.infer<typeof Deployment>;

/** A device in a deployment. */
export const DeploymentDevice = z.object({
  id: Id,
  status: z.string(),
  substate: z.string().optional(),
  created: Timestamp,
  started: Timestamp.optional(),
  finished: Timestamp.optional(),
  device_type: z.string().optional(),
  artifact_id: Id.optional(),
  attempts: z.number().int(),
  log: z.boolean(),
  /** Why it has this status, if it did not report it. */
  reason: z.string().optional(),
});
export type DeploymentDevice = z.infer<typeof DeploymentDevice>;

/** Why a device got a deployment, or did not. */
export const DeploymentDecision = z.object({
  device: DeploymentDevice.optional(),
  is_target: z.boolean(),
  reason: z.string(),
  last_poll: Timestamp.optional(),
});

export const DeviceHistory = z.object({ id: Id, deployment: Deployment, device: DeploymentDevice });

/** How the numbers of devices changed in each step. */
export const DeploymentSeries = z.object({
  step: z.number().int(),
  points: z.array(z.object({ time: Timestamp, changes: DeploymentStatistics })),
});

const EpochSeconds = z.coerce.number().int().min(0).max(253_402_300_799).optional();

export const DeploymentsQuery = z.object({
  status: z
    .preprocess(
      (value) => (value === undefined ? [] : [value].flat()),
      z.array(z.enum(["pending", "scheduled", "inprogress", "finished", "aborted"])),
    )
    .default([]),
  type: z.enum(["software", "configuration"]).optional(),
  search: Line.optional(),
  name: z.preprocess((value) => (value === undefined ? [] : [value].flat()), z.array(Line)).default([]),
  id: z.preprocess((value) => (value === undefined ? [] : [value].flat()), z.array(Id)).default([]),
  created_after: EpochSeconds,
  created_before: EpochSeconds,
  sort: z.enum(["asc", "desc"]).default("desc"),
});
