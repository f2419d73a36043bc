import type { MetaData } from "../artifact/model.ts";
import type { MaybePromise } from "../util/byte-source.ts";

/** One file of a payload, while it streams by. */
export interface PayloadFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** From the manifest, lower-case hex. */
  readonly sha256: string;
  /** Time of the last change, in seconds since 1970, as the Artifact has it. */
  readonly modified?: number | undefined;
  /**
   * Puts between 1 and `into.length` bytes at the start of `into`; 0 after the last. They must stay as they are
   * until the next call, during which they are hashed.
   *
   * @throws {AgentError} ARTIFACT_CHECKSUM, ARTIFACT_TRUNCATED and the other codes of a damaged Artifact;
   * a checksum is known only at the end, so nothing may be activated before that
   */
  read(into: Uint8Array): MaybePromise<number>;
  /**
   * Bytes at the beginning that an earlier run has stored, before the agent was cut off: `read` gives what follows
   * them. Absent or 0: none.
   */
  readonly storedBytes?: number;
  /** Takes in what is stored as it is read back, in order, and all of it before the first `read`: the checksum is of the whole. */
  restore?(stored: Uint8Array): void;
  /**
   * The first `storedBytes` are safe against power loss: a later run may begin behind them. Resolves when that is
   * remembered durably, as far as it can be. Absent where nothing is to be remembered.
   */
  keep?(storedBytes: number): Promise<void>;
}

/** The files of one payload, in the Artifact's order. */
export interface PayloadStream {
  /** The next file, after the one before has been read to its end; `undefined` after the last. */
  next(): Promise<PayloadFile | undefined>;
}

/** What a handler is told of the Artifact, besides the files of its payload. */
export interface PayloadContext {
  readonly artifactName: string;
  readonly artifactGroup?: string;
  readonly payloadType: string;
  /** Parsed JSON of the Artifact's header-info. */
  readonly headerInfo: unknown;
  /** Parsed JSON of this payload's type-info. */
  readonly typeInfo: unknown;
  /**
   * This payload's meta-data; absent where it has none. Read and parsed when it is asked for the first time, which must be
   * before `download` resolves.
   */
  readonly metaData?: Readonly<Record<string, unknown>>;
  /** The same three as they are written in the Artifact, with numbers that JavaScript cannot hold. */
  readonly texts: { readonly headerInfo: string; readonly typeInfo: string; readonly metaData?: string };
  /**
   * The meta-data as it is written, for a copy that takes no memory: parsed, it takes up to a hundred times its size.
   * Absent where the payload has none.
   */
  readonly metaDataSource?: MetaData;
}

/** States in which a module acts. @see update-module protocol v3, "Calls" */
export type ModuleAction =
  | "ArtifactInstall"
  | "ArtifactReboot"
  | "ArtifactVerifyReboot"
  | "ArtifactCommit"
  | "ArtifactRollback"
  | "ArtifactRollbackReboot"
  | "ArtifactVerifyRollbackReboot"
  | "ArtifactFailure"
  | "Cleanup";

/** `Yes`: the module reboots itself. `Automatic`: the agent reboots the device. */
export type RebootNeed = "No" | "Yes" | "Automatic";

/**
 * Installs one type of payload: the update-module contract, also for the built-in rootfs-image. Every
 * action is idempotent, because it is repeated when the power fails in it.
 */
export interface PayloadHandler {
  /** Payload type, e.g. `rootfs-image`. */
  readonly type: string;
  /**
   * Comes once before `download`, when the Artifact's header has been verified. Sets up what the later calls need,
   * and what is left from an update before; durable when it resolves. Absent where the payload itself says it all.
   */
  prepare?(context: PayloadContext, signal: AbortSignal): Promise<void>;
  /** Stores the payload without activating anything. */
  download(payload: PayloadStream, signal: AbortSignal): Promise<void>;
  act(action: ModuleAction, signal: AbortSignal): Promise<void>;
  needsReboot(signal: AbortSignal): Promise<RebootNeed>;
  supportsRollback(signal: AbortSignal): Promise<boolean>;
  /** What the agent's reboot has to be asked for with. Absent where any reboot does. */
  rebootArgument?(signal: AbortSignal): Promise<string | undefined>;
}
