import { AgentError, describeError } from "../../errors/agent-error.ts";
import type { FileActs, FileReads } from "../../ports/files.ts";
import type { Store } from "../../ports/store.ts";
import { errnoOf } from "../../util/errno.ts";
import { openFileSource } from "../../util/file-source.ts";
import type { Logger } from "../../util/logger.ts";
import { manifestValue } from "../../util/manifest-value.ts";
import { readSmallFile } from "../../util/small-file.ts";
import { committedProvides, type DeviceProvides, isSeeded, readProvides, writeProvides } from "./provides.ts";

export interface SeedFiles {
  readonly bootstrapArtifact: string;
  readonly artifactInfo: string;
}

/**
 * Sets the first provides of a device that has never recorded its software. Sources, in order: the bootstrap Artifact
 * that the image builder left in the datastore, then `artifact_info`, then the name `unknown`. The bootstrap Artifact's
 * signature is not checked: a program that can write there already controls the device. A later call replaces `unknown`
 * when a name is available. Deletes the bootstrap Artifact in any case. The caller must hold the lock.
 *
 * @param isOnTrial whether the next boot may start another system than the running one
 */
export async function seedProvides(
  store: Store,
  files: SeedFiles,
  log: Logger,
  isOnTrial: () => Promise<boolean>,
  acts: Pick<FileActs, "remove">,
  reads: FileReads,
): Promise<void> {
  const stored = await store.load();
  if (!isSeeded(stored)) {
    // The store that recorded the trial is lost: the agent cannot commit the trial, and the name of its system would
    // outlive it.
    if (!stored.has("state") && (await isOnTrial())) {
      log("warning", "Not recording what this device runs: the running system is on trial, but no update is pending.");
      return;
    }
    const found = await firstProvides(files, log, reads);
    // A failed read must not become a permanent record.
    if (found === "unreadable") return;
    const first = found ?? UNKNOWN;
    if (found !== undefined || readProvides(stored).name === undefined) await store.transact(writeProvides(first));
  }
  await acts.remove(files.bootstrapArtifact);
}

const UNKNOWN: DeviceProvides = { name: "unknown", provides: {} };

/** The provides that the image builder left. Changes nothing. */
export async function firstProvides(
  files: SeedFiles,
  log: Logger,
  reads: FileReads,
): Promise<DeviceProvides | "unreadable" | undefined> {
  const bootstrap = await unlessUnreadable(files.bootstrapArtifact, log, () => fromBootstrap(files, log, reads));
  return bootstrap ?? (await unlessUnreadable(files.artifactInfo, log, () => fromArtifactInfo(files.artifactInfo)));
}

async function unlessUnreadable<T>(path: string, log: Logger, look: () => Promise<T>): Promise<T | "unreadable"> {
  try {
    return await look();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    log("error", `Cannot record what this device runs, because ${path} cannot be read: ${error.message}`);
    return "unreadable";
  }
}

const isSystemError = (error: unknown): error is Error => error instanceof Error && "syscall" in error;

async function fromBootstrap(
  { bootstrapArtifact: path }: SeedFiles,
  log: Logger,
  reads: FileReads,
): Promise<DeviceProvides | undefined> {
  const found = await reads.look(path);
  if (found === undefined) return undefined;
  // Opening a FIFO would block until a writer appears.
  if (!found.isFile) throw Object.assign(new Error(`${path} is not a file`), { syscall: "open" });
  try {
    return await readBootstrap(path);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    if (isSystemError(error.cause)) throw error.cause;
    log("error", `Ignoring the bootstrap Artifact: ${describeError(error)}`);
    return undefined;
  }
}

/** @throws the system's error, unless that is ENOENT */
async function orMissing<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** The path is a regular file, so opening it does not block. */
const NEVER = new AbortController().signal;

/** @throws {AgentError} BOOTSTRAP_INVALID, and the codes of a damaged Artifact */
async function readBootstrap(path: string): Promise<DeviceProvides> {
  const { openForInstall } = await import("./open-artifact.ts");
  const artifact = await openForInstall(await openFileSource(path, NEVER), { verifyKeys: [] });
  try {
    const { record, info } = artifact;
    if (record.payloadTypes.some((type) => type !== null))
      throw new AgentError("BOOTSTRAP_INVALID", { reason: "it has a payload" });
    if (info.scripts.length > 0) throw new AgentError("BOOTSTRAP_INVALID", { reason: "it has state scripts" });
    const depends = [info.depends, ...info.payloads.map((payload) => payload.depends)];
    if (depends.some((each) => Object.keys(each).length > 0)) {
      throw new AgentError("BOOTSTRAP_INVALID", { reason: "it depends on more than the device type" });
    }
    if (Object.keys(record.provides).length === 0)
      throw new AgentError("BOOTSTRAP_INVALID", { reason: "it provides nothing" });
    await artifact.payloads.finish();
    return committedProvides(readProvides(new Map()), record);
  } finally {
    await artifact.close();
  }
}

async function fromArtifactInfo(path: string): Promise<DeviceProvides | undefined> {
  const text = await orMissing(async () => readSmallFile(path));
  const name = text === undefined ? undefined : manifestValue(text, "artifact_name");
  return name === undefined || name === "" ? undefined : { name, provides: {} };
}
