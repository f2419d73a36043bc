import type { Busy, DownloadRates } from "../downloads/budgets.ts";
import type { Facts as KnownFacts } from "../filters/evaluate.ts";
import type { Predicate } from "../filters/predicate.ts";
import type { Reopening } from "../rollout/come-back.ts";
import type { Closed } from "../rollout/state.ts";

/** What a device says of itself when it asks for an update. */
export interface Facts {
  readonly artifactName: string;
  readonly deviceType: string;
  readonly provides: Readonly<Record<string, string>>;
}

/** What the server knows of the device. Times are in seconds since 1970, by the clock of the database. */
export interface Membership {
  /** The id of the device. */
  readonly device: string;
  readonly acceptedAt: number | undefined;
  readonly group: string | undefined;
  readonly groupSince: number | undefined;
  /** The deployments that name the device in their list. */
  readonly listedIn: ReadonlySet<string>;
  /** The deployments that the device got, of those that others go back to. */
  readonly updatedIn: ReadonlySet<string>;
  /** The sequence number of the newest deployment that the device has finished. */
  readonly finishedSeq: number;
  /** What filters can ask of the device. Only needed for deployments to a filter. */
  readonly known: KnownFacts | undefined;
}

/** What stands between a rollout and the devices that have not begun. */
export interface Gate {
  /** Why no device may begin. */
  readonly closed: Closed | undefined;
  /** Devices with a lower rank may begin, if there is a place. */
  readonly below: number;
  /** So may the devices of these groups. */
  readonly groups: ReadonlySet<string>;
  /** When devices that wait may begin. */
  readonly reopens: Reopening | undefined;
}

export interface ReleasedArtifact {
  readonly id: string;
  readonly deviceTypes: readonly string[];
  /** Key, and the values of which the device must have one. Without the device type. */
  readonly depends: Readonly<Record<string, readonly string[]>>;
  readonly createdAt: number;
  /** In bytes. */
  readonly size: number;
}

export interface RunningDeployment {
  readonly id: string;
  readonly seq: number;
  readonly artifactName: string;
  readonly target:
    | { readonly kind: "all" | "list" }
    | { readonly kind: "group"; readonly group: string }
    /** Devices for which it holds when they ask, also those that came later. */
    | { readonly kind: "filter"; readonly predicate: Predicate }
    | { readonly kind: "updated"; readonly deployment: string };
  readonly createdAt: number;
  readonly forceInstallation: boolean;
  /** All artifacts of the release. */
  readonly artifacts: readonly ReleasedArtifact[];
  /** Of a rollout. Without it, all devices may begin. */
  readonly gate: Gate | undefined;
  /** How many bytes its devices may download in a second. */
  readonly downloads: DownloadRates | undefined;
}

/** What a device has to do with a deployment. */
export interface Row {
  readonly isFinal: boolean;
  /** What it got in its present attempt. `undefined`: it has not got anything in this attempt. */
  readonly artifact: string | undefined;
  /** What it said of itself when it got it. */
  readonly artifactName: string | undefined;
  readonly deviceType: string | undefined;
}

/** The end of a deployment for a device, by the server's own decision. */
export interface Taken {
  readonly deployment: string;
  readonly status: "already-installed" | "noartifact" | "aborted";
  readonly reason: "ALREADY_INSTALLED" | "NO_ARTIFACT" | "DEVICE_TYPE" | "DEPENDS" | "SUPERSEDED";
}

/** Why a device of a rollout waits. */
export type Waiting =
  | Closed
  /** The wave of the device has not opened. */
  | "WAITS_FOR_WAVE"
  /** As many devices have begun as may. */
  | "WAITS_FOR_PLACE"
  | Busy;

/** The reason of an answer. People see it as the answer to "why did this device not get it?". */
export type AnswerCode =
  | "OFFERED"
  /** The device said something else of itself when it got the deployment. */
  | "REQUEST_CHANGED"
  /** It runs what it was to install, but its last reports did not arrive. */
  | "INSTALLED_UNREPORTED"
  | "NOTHING_RUNNING"
  /** No running deployment is for this device. */
  | "NOT_IN_TARGET"
  /** It has finished a newer deployment. */
  | "OLDER_THAN_FINISHED"
  /** It has an end in all deployments that are for it. */
  | "FINISHED"
  | Waiting
  | Taken["reason"];

/** `D`: what the caller knows of a running deployment besides. */
export type Answer<D extends RunningDeployment = RunningDeployment> = { readonly ended: readonly Taken[] } & (
  | {
      readonly kind: "offer";
      readonly code: "OFFERED";
      readonly deployment: D;
      readonly artifact: D["artifacts"][number];
      /** The device has not got it before. */
      readonly isNew: boolean;
    }
  | {
      readonly kind: "conflict";
      readonly code: "REQUEST_CHANGED" | "INSTALLED_UNREPORTED";
      readonly deployment: D;
      /** How the deployment ends for the device. */
      readonly status: "failure" | "success";
    }
  /** `about`: the deployment that the code is about, if there is one. */
  | { readonly kind: "nothing"; readonly code: AnswerCode; readonly about: string | undefined }
);
