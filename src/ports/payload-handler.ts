import type { MetaData } from "../artifact/model.ts";
import type { MaybePromise } from "../util/byte-source.ts";

/** One file of a payload, readable once as a stream. */
export interface PayloadFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** From the manifest, lower-case hex. */
  readonly sha256: string;
  /** Time of the last change according to the Artifact, in seconds since 1970. */
  readonly modified?: number | undefined;
  /**
   * Puts between 1 and `into.length` bytes at the start of `into`; 0 after the last byte. The caller must leave these
   * bytes unchanged until its next call, which hashes them.
   *
   * @throws {AgentError} ARTIFACT_CHECKSUM, ARTIFACT_TRUNCATED and the other codes of a damaged Artifact. The checksum
   * is verified only at the end, so the caller must not activate anything before that
   */
  read(into: Uint8Array): MaybePromise<number>;
  /**
   * Bytes at the beginning that an earlier, interrupted run has stored; `read` continues after them. Absent or 0: none.
   */
  readonly storedBytes?: number;
  /**
   * Takes the stored bytes as the caller reads them back: in order and all of them before the first `read`, because the
   * checksum covers the whole file.
   */
  restore?(stored: Uint8Array): void;
  /**
   * Reports that the first `storedBytes` are safe against power loss, so that a later run may resume after them.
   * Resolves when the agent has recorded this durably, as far as it can. Absent if the agent records no progress.
   */
  keep?(storedBytes: number): Promise<void>;
}

/** The files of one payload, in the Artifact's order. */
export interface PayloadStream {
  /** The next file; `undefined` after the last. The caller must first read the previous file to its end. */
  next(): Promise<PayloadFile | undefined>;
}

/** What a handler knows about the Artifact, besides the files of its payload. */
export interface PayloadContext {
  readonly artifactName: string;
  readonly artifactGroup?: string;
  readonly payloadType: string;
  /** Parsed JSON of the Artifact's header-info. */
  readonly headerInfo: unknown;
  /** Parsed JSON of this payload's type-info. */
  readonly typeInfo: unknown;
  /**
   * This payload's meta-data; absent if it has none. The first access reads and parses it, and must happen before
   * `download` resolves.
   */
  readonly metaData?: Readonly<Record<string, unknown>>;
  /** The same three documents as text from the Artifact. They keep numbers that exceed JavaScript's precision. */
  readonly texts: { readonly headerInfo: string; readonly typeInfo: string; readonly metaData?: string };
  /**
   * The meta-data as stored in the Artifact, for copying without memory: parsed, it takes up to a hundred times its
   * size. Absent if the payload has none.
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
 * Installs one payload type, by the update-module contract; the built-in rootfs-image follows it too. Every action must
 * be idempotent, because the agent repeats it after a power cut.
 */
export interface PayloadHandler {
  /** Payload type, e.g. `rootfs-image`. */
  readonly type: string;
  /**
   * The agent calls it once before `download`, after it has verified the Artifact's header. It sets up the state that
   * the later calls need and replaces what an earlier update left; durable when it resolves. Absent if the handler
   * needs only the payload.
   */
  prepare?(context: PayloadContext, signal: AbortSignal): Promise<void>;
  /** Stores the payload without activating anything. */
  download(payload: PayloadStream, signal: AbortSignal): Promise<void>;
  act(action: ModuleAction, signal: AbortSignal): Promise<void>;
  needsReboot(signal: AbortSignal): Promise<RebootNeed>;
  supportsRollback(signal: AbortSignal): Promise<boolean>;
  /** The argument that the agent's reboot needs. Absent if a plain reboot suffices. */
  rebootArgument?(signal: AbortSignal): Promise<string | undefined>;
}
