import { readFile } from "node:fs/promises";
import type { Gate } from "../lib/gate.ts";

/**
 * The modules that may change files themselves, and why none of them uses the agent's `Host`. All other modules must
 * use `FileActs`, `openStorage` or `openRaw`, where tests count the acts and cut the power.
 */
const MAY_CHANGE: Readonly<Record<string, string>> = {
  "adapters/files/disk.ts": "the acts themselves",
  "adapters/files/work-file.ts": "temporary files and links of commands for build hosts",
  "src/agent/logging.ts": "lines for people, lost by a power cut",
  "src/artifact/manifest-folder.ts": "files for a program that signs, removed when it ends",
  "src/cli/process-io.ts": "standard output and standard error",
  "adapters/snapshot/output.ts": "standard output",
  "adapters/linux/raw-file.ts": "the blocks of a boot environment: the act `openRaw`",
  "adapters/linux/block-file.ts": "the blocks of a slot: the act `openStorage`",
  "adapters/bootloader/tool-storage.ts": "storage that is opened to see whether it can be written",
  "adapters/device/ubi-slot.ts": "a volume that ubiupdatevol writes, opened to see whether it is whole",
  "adapters/lock/flock.ts": "a lock, which ends with its process",
  "adapters/log/deployment-log-files.ts": "lines of a log; what names its files is an act",
  "adapters/process/left-programs.ts": "records in memory, removed with the programs that they name",
  "adapters/process/program-record.ts": "records in memory, which end with the boot",
  "adapters/process/own-root.ts": "what the modules of a virtual board see in place of the machine",
  "adapters/payload/external/fifo.ts": "a FIFO that a module reads",
  "adapters/bootloader/fake/board.ts": "new virtual boards",
  "adapters/process/watched-child.ts": "the folder in which the check of adapters gets its answer",
  "adapters/check/sandbox.ts": "the check of adapters, which records its own acts",
  "adapters/check/sandbox-files.ts": "the check of adapters",
  "adapters/check/failing-reads.ts": "the check of adapters",
  "adapters/check/firmware.ts": "the check of adapters",
  "adapters/check/device-rig.ts": "the check of adapters",
  "adapters/check/payload-rig.ts": "the check of adapters",
  "src/agent/check/adapter-check.ts": "the folder of the check of adapters",
};

/** Names without `Sync`. Functions that only read are left out, and so is `open`, whose flags decide. */
const CHANGES = new Set([
  ...["appendFile", "chmod", "chown", "copyFile", "cp", "createWriteStream", "fchmod", "fchown", "fdatasync", "fsync"],
  ...["ftruncate", "futimes", "lchmod", "lchown", "link", "lutimes", "mkdir", "mkdtemp", "mkdtempDisposable", "rename"],
  ...["rm", "rmdir", "symlink", "truncate", "unlink", "utimes", "write", "writeFile", "writev"],
]);

const IMPORT = /import\s+(type\s+)?([^;]*?)\s+from\s+"(?:node:)?fs(?:\/promises)?";/g;
const BY_THE_WAY = /(?:getBuiltinModule|require|import)\(\s*"(?:node:)?fs(?:\/promises)?"/;
/** The arguments of a call without flags, or with flags that only read. */
const READS = /^\((?:[^(),]|\([^()]*\))*(?:,\s*(?:"r"|[^,()]*\bO_RDONLY\b[^,()]*))?\)/;

/** Every durable act must go through a port. */
export const DURABLE: Gate = {
  name: "durable",
  async check(files) {
    const own = files.filter((file) => /^(?:src|adapters)\//.test(file));
    const found = new Map(
      await Promise.all(own.map(async (file) => [file, changesIn(await readFile(file, "utf8"))] as const)),
    );
    const problems = [...found]
      .filter(([file, changes]) => changes.length > 0 && !Object.hasOwn(MAY_CHANGE, file))
      .map(
        ([file, changes]) =>
          `${file}: ${changes.join(", ")}: go through FileActs, or be listed in scripts/gates/durable.ts`,
      );
    const stale = Object.keys(MAY_CHANGE)
      .filter((file) => (found.get(file)?.length ?? 0) === 0)
      .map((file) => `${file}: listed in scripts/gates/durable.ts, and changes nothing`);
    return {
      problems: [...problems, ...stale],
      looked: `${own.length} files, ${Object.keys(MAY_CHANGE).length} may change files`,
    };
  },
};

/** The functions of node:fs with which a module changes files. */
export function changesIn(text: string): readonly string[] {
  const imports = [...text.matchAll(IMPORT)].filter(([, isType]) => isType === undefined);
  const names = imports.flatMap(([, , clause = ""]) => namesIn(clause));
  const changes = names.filter((name) => CHANGES.has(name.replace(/Sync$/, "")));
  const opens = names.filter(
    (name) => /^open(?:Sync)?$/.test(name) && callsOf(name, text).some((call) => !READS.test(call)),
  );
  const whole = imports.filter(([, , clause = ""]) => !clause.startsWith("{")).map(() => "the whole of node:fs");
  return [...changes, ...opens, ...whole, ...(BY_THE_WAY.test(text) ? ["node:fs by the way"] : [])];
}

/** Exported names: a function that is imported under an alias counts by its own name. */
const namesIn = (clause: string): readonly string[] =>
  (/\{([^}]*)\}/.exec(clause)?.[1] ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "" && !part.startsWith("type "))
    .map((part) => part.split(/\s+as\s+/)[0] ?? part);

/** The text after the name of each call, from the opening parenthesis. */
const callsOf = (name: string, text: string): readonly string[] =>
  [...text.matchAll(new RegExp(`(?<![.\\w])${name}(?=\\()`, "g"))].map(({ index }) => text.slice(index + name.length));
