import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBoard } from "../../../../adapters/bootloader/fake/firmware.ts";
import { BuiltProgram, startProgram } from "../../../support/built-program.ts";
import { type Call, parseStrace } from "../strace-log.ts";
import { CrashBoard } from "./crash-board.ts";
import { type ActKind, Disk } from "./disk.ts";
import { Workshop } from "./workshop.ts";

let program: BuiltProgram;
let workshop: Workshop;
beforeAll(async () => {
  program = await BuiltProgram.build();
  workshop = await Workshop.open();
});
afterAll(() => workshop.close());

/** Calls that change a file system or start programs. Reading and waiting leave nothing behind. */
const TRACED = [
  ...["fsync", "fdatasync", "sync", "syncfs", "msync", "rename", "renameat", "renameat2", "write", "pwrite64"],
  ...["writev", "pwritev", "pwritev2", "truncate", "ftruncate", "fallocate", "copy_file_range", "sendfile"],
  ...["unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "mknod", "mknodat", "link", "linkat", "symlink", "symlinkat"],
  ...["chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat", "utimensat", "setxattr", "fsetxattr", "execve"],
];

/** The act that a call corresponds to. */
const ACT_OF: Readonly<Record<string, ActKind>> = {
  fsync: "fsync",
  fdatasync: "fsync",
  rename: "rename",
  renameat: "rename",
  renameat2: "rename",
  unlink: "unlink",
  unlinkat: "unlink",
  rmdir: "unlink",
  mkdir: "mkdir",
  mkdirat: "mkdir",
  execve: "start",
};

type Counts = Partial<Record<ActKind | "not durable" | `unknown: ${string}`, number>>;

/** @returns `undefined` for a call that does not touch the board */
function kindOf({ name, args }: Call): keyof Counts | undefined {
  const isBoards = args.includes(`${workshop.dir}/`);
  if (name === "execve") {
    // Not durable: the program itself, and `flock`, whose lock the kernel releases when the process ends. Node tries
    // each folder of PATH; the calls for missing programs fail.
    return isBoards && args.startsWith(`"${workshop.dir}/`) ? "start" : "not durable";
  }
  // Messages for people, and bytes for the event loop: their descriptors belong to no file of the board.
  if (!isBoards && (name === "write" || name === "writev")) return "not durable";
  if (!isBoards) return undefined;
  if (name === "write") return "file write";
  if (name === "pwrite64") return args.includes("/slots/") ? "block write" : "file write";
  return ACT_OF[name] ?? `unknown: ${name}`;
}

async function traced(...argv: readonly string[]): Promise<Counts> {
  const log = join(workshop.artifacts, "strace.log");
  const options = ["-c", join(workshop.dir, "etc/mender.conf"), "-d", join(workshop.dir, "data")];
  const env = [`MENDER_CONF_DIR=${workshop.dir}/etc`, `MENDER_DATA_DIR=${workshop.dir}/share`];
  const strace = ["-f", "-y", "-o", log, "-e", `trace=${TRACED.join()}`, process.execPath, program.path];
  const { ended } = startProgram("env", [...env, "strace", ...strace, ...options, ...argv]);
  const { exitCode, err } = await ended;
  expect(exitCode, err.join("\n")).toBe(0);
  const counts: Counts = {};
  for (const call of parseStrace(await readFile(log, "utf8"))) {
    const kind = call.failed ? undefined : kindOf(call);
    if (kind !== undefined) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  const { "not durable": ignored, ...acts } = counts;
  expect(ignored).toBeGreaterThan(0);
  return acts;
}

function countOf(board: CrashBoard, from: number): Counts {
  const counts: Counts = {};
  for (const { kind } of board.disk.acts.slice(from)) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

test("the built program does nothing durable outside the recorded acts", async () => {
  const artifact = join(workshop.artifacts, "v2.mender");
  const board = CrashBoard.make({ dir: workshop.dir, image: workshop.factory, longestWriteBytes: 1024 ** 2 });
  await board.powerOn();
  const before = board.disk.acts.length;
  await board.agent("install", artifact);
  const installed = countOf(board, before);
  await board.reboot();
  const rebooted = board.disk.acts.length;
  await board.agent("commit");
  const committed = countOf(board, rebooted);

  const real = new Disk(workshop.dir, workshop.factory);
  await startBoard(real.folder);
  expect(await traced("install", artifact)).toEqual(installed);
  await startBoard(real.folder);
  expect(await traced("commit")).toEqual(committed);
  expect([installed["block write"], installed.start, committed.rename]).toEqual([2, 3, 7]);
});
