import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { readdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { DeploymentLogFile, DeploymentLogs } from "../../src/ports/deployment-log.ts";
import type { FileActs } from "../../src/ports/files.ts";
import { ensureFolder } from "../../src/util/ensure-folder.ts";
import { diskActs } from "../files/disk.ts";

/** Number of logs to keep, including the newest. */
const KEPT = 5;
const MIN_FREE_BYTES = 100 * 1024;
/** A log that grows beyond this loses its beginning and keeps the last half: a runaway log must not fill the device. */
const MAX_BYTES = 2 * 1024 * 1024;

/**
 * Keeps `<folder>/deployments.NNNN.<id>.log`, mode 0600; 0000 is the newest. The names match those of the reference
 * clients, whose logs count among the five.
 */
export function createDeploymentLogFiles(
  folder: string,
  acts: FileActs = diskActs,
  minFreeBytes = MIN_FREE_BYTES,
): DeploymentLogs {
  return {
    async open(deploymentId) {
      try {
        await ensureFolder(folder, 0o700, acts);
        const id = encodeURIComponent(deploymentId).slice(0, 128);
        const found = await list(folder);
        const isKnown = found[0]?.number === 0 && found[0].id === id;
        if (!isKnown) await makeRoom(folder, found, minFreeBytes, acts);
        const file = openLog(join(folder, nameOf(0, id)));
        // Makes the name of the new log and the new numbers of the older logs durable.
        if (!isKnown) await acts.syncFolder(folder);
        return file;
      } catch (cause) {
        throw new AgentError("DEPLOYMENT_LOG", { folder }, cause);
      }
    },
  };
}

interface Numbered {
  readonly name: string;
  readonly number: number;
  readonly id: string;
}

const nameOf = (number: number, id: string): string => `deployments.${String(number).padStart(4, "0")}.${id}.log`;

/** Sorted from newest to oldest. */
async function list(folder: string): Promise<readonly Numbered[]> {
  return (await readdir(folder))
    .flatMap((name): Numbered[] => {
      const [, number, id] = /^deployments\.(\d{4})\.(.+)\.log$/.exec(name) ?? [];
      return number === undefined || id === undefined ? [] : [{ name, number: Number(number), id }];
    })
    .sort((a, b) => a.number - b.number);
}

/** Removes the oldest logs, more of them if the device is full, and renumbers the rest. */
async function makeRoom(
  folder: string,
  found: readonly Numbered[],
  minFreeBytes: number,
  acts: FileActs,
): Promise<void> {
  const left = [...found];
  const removeLast = async (): Promise<void> => {
    const last = left.pop();
    if (last !== undefined) await acts.remove(join(folder, last.name));
  };
  while (left.length >= KEPT) await removeLast();
  while (left.length > 0 && (await freeBytes(folder)) < minFreeBytes) await removeLast();
  for (const [index, { name, id }] of [...left.entries()].toReversed()) {
    await acts.rename(join(folder, name), join(folder, nameOf(index + 1, id)));
  }
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

const { O_APPEND, O_CREAT, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;

function openLog(path: string): DeploymentLogFile {
  const file = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0o600);
  const found = fstatSync(file);
  if (!found.isFile()) {
    closeSync(file);
    throw new Error(`${path} is not a regular file`);
  }
  let sizeBytes = found.size;
  const tail = (maxBytes: number): Buffer => {
    const bytes = Buffer.alloc(Math.min(maxBytes, sizeBytes));
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, sizeBytes - bytes.length));
  };
  const shorten = (): void => {
    const kept = tail(MAX_BYTES / 2);
    ftruncateSync(file, 0);
    sizeBytes = writeSync(file, kept.subarray(kept.indexOf("\n") + 1));
  };
  return {
    append(lines) {
      try {
        sizeBytes += writeSync(file, lines);
        if (sizeBytes > MAX_BYTES) shorten();
      } catch {
        // ignored: a log that cannot be written must not stop the update.
      }
    },
    async tail(maxBytes) {
      try {
        return { text: tail(maxBytes).toString("utf8"), isCut: sizeBytes > maxBytes };
      } catch (cause) {
        throw new AgentError("DEPLOYMENT_LOG", { path }, cause);
      }
    },
    close: async () => closeSync(file),
  };
}
