import { readFile, stat } from "node:fs/promises";
import { AgentError, describeError } from "../../errors/agent-error.ts";
import type { Store } from "../../ports/store.ts";
import { diskActs, type FileActs } from "../../util/durable-file.ts";
import { openFileSource } from "../../util/file-source.ts";
import type { Logger } from "../../util/logger.ts";
import { committedProvides, type DeviceProvides, isSeeded, readProvides, writeProvides } from "./provides.ts";

export interface SeedFiles {
  readonly bootstrapArtifact: string;
  readonly artifactInfo: string;
}

/**
 * Gives a device that has never recorded what it runs its first provides: from the bootstrap Artifact
 * that the image's builder left in the datastore (its signature is not checked: whoever can write there
 * owns the device), else from `artifact_info`, else the name `unknown`. The bootstrap Artifact is deleted
 * in any case. The caller holds the lock.
 *
 * @see spec "config-and-cli", section 4
 */
export async function seedProvides(
  store: Store,
  files: SeedFiles,
  log: Logger,
  acts: FileActs = diskActs,
): Promise<void> {
  if (!isSeeded(await store.load())) {
    const first = (await fromBootstrap(files.bootstrapArtifact, log)) ?? (await fromArtifactInfo(files.artifactInfo));
    await store.transact(writeProvides(first ?? { name: "unknown", provides: {} }));
  }
  await acts.remove(files.bootstrapArtifact);
}

async function fromBootstrap(path: string, log: Logger): Promise<DeviceProvides | undefined> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return undefined;
  try {
    return await readBootstrap(path);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    log("error", `The bootstrap Artifact is not used: ${describeError(error)}`);
    return undefined;
  }
}

/** @throws {AgentError} BOOTSTRAP_INVALID, and the codes of a damaged Artifact */
async function readBootstrap(path: string): Promise<DeviceProvides> {
  const { openForInstall } = await import("./open-artifact.ts");
  const artifact = await openForInstall(await openFileSource(path), { verifyKeys: [] });
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
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch {
    // ignored: most devices have no such file.
    return undefined;
  }
  const name = /^artifact_name=(.+)$/m.exec(text)?.[1]?.trim();
  return name === undefined || name === "" ? undefined : { name, provides: {} };
}
