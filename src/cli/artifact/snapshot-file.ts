import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { localActs, outputTo } from "../../agent/files.ts";
import type { CliIo } from "../../agent/io.ts";
import { readSnapshot, type SnapshotRules, snapshotSource } from "../../artifact/device-snapshot.ts";
import { filesystemBytes, SUPERBLOCK_END } from "../../artifact/filesystem-size.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { temporaryFor } from "../../util/replace-file.ts";
import { createProgress, NO_PROGRESS } from "../progress.ts";

/** Name of the image inside the Artifact. */
const IMAGE = "rootfs.img";

/**
 * Copies the root filesystem of a device into a file beside the Artifact, lends it to `use` and removes it. An
 * Artifact states the size of an image before its content, and a device tells it only with its last byte.
 *
 * @param url `ssh://[USER@]HOST[:PORT]`
 * @throws {AgentError} OPTION_INVALID, SNAPSHOT_FAILED, SNAPSHOT_TRUNCATED, OUTPUT_FAILED; the errors of `use`
 */
export async function withSnapshot(
  url: string,
  { sshArgs, outputPath, progress }: SnapshotRequest,
  io: CliIo,
  use: (path: string) => Promise<void>,
): Promise<void> {
  const source = snapshotSource(url);
  const folder = temporaryFor(outputPath);
  const rules = { sshArgs, env: io.env, hasTerminal: io.stderrIsTerminal, tell: (line: string) => io.err(line) };
  await localActs.makeFolder(folder, 0o700).catch((cause: unknown) => {
    throw new AgentError("OUTPUT_FAILED", { path: outputPath }, cause);
  });
  try {
    const path = join(folder, IMAGE);
    await silently(io, () => copy(url, source, path, rules, progress, io));
    await use(path);
  } finally {
    await localActs.remove(folder);
  }
}

export interface SnapshotRequest {
  readonly sshArgs: readonly string[];
  readonly outputPath: string;
  readonly progress: boolean;
}

async function copy(
  url: string,
  source: ReturnType<typeof snapshotSource>,
  path: string,
  rules: SnapshotRules,
  isShown: boolean,
  io: CliIo,
): Promise<void> {
  const progress = isShown ? createProgress(io, `copying ${source.destination}`, undefined) : NO_PROGRESS;
  try {
    await outputTo(path)(async (output) => {
      let head = Buffer.alloc(0);
      for await (const chunk of readSnapshot(source, rules, io.signal)) {
        if (head.length < SUPERBLOCK_END) head = Buffer.concat([head, chunk.subarray(0, SUPERBLOCK_END)]);
        await output.write(chunk);
        progress.advance(chunk.length);
      }
      const expected = filesystemBytes(head) ?? 0;
      if (output.sizeBytes >= expected && output.sizeBytes > 0) return;
      throw new AgentError("SNAPSHOT_TRUNCATED", { device: url, bytes: output.sizeBytes, expected });
    });
  } finally {
    progress.done();
  }
}

/** Without echo on the terminal, because `sudo` on the device cannot turn it off when it reads a password. */
async function silently<T>(io: CliIo, work: () => Promise<T>): Promise<T> {
  if (io.ask === undefined) return await work();
  const stty = (...args: readonly string[]): string =>
    spawnSync("stty", args, { stdio: ["inherit", "pipe", "ignore"], encoding: "utf8" }).stdout ?? "";
  const before = stty("-g").trim();
  if (before !== "") stty("-echo");
  try {
    return await work();
  } finally {
    if (before !== "") stty(before);
  }
}
