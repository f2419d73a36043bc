import { type ChildProcess, execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import {
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { constants, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { rootfsRequest } from "../artifact/artifact-requests.ts";
import { BuiltProgram, type Ended, startProgram } from "../support/built-program.ts";
import { TestBoard } from "../support/test-board.ts";
import { writeArtifact } from "../support/write-artifact.ts";
import { toyModule } from "./adapter/toy.ts";

const MIB = 1024 ** 2;

let shared: string;
let program: BuiltProgram;
let server: Server;
let connections = 0;
/** An Artifact that takes a long time to read. */
let large: string;
beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), "switchback-interrupt-"));
  program = await BuiltProgram.build();
  // Accepts connections and never sends anything.
  server = createServer((socket) => {
    connections += 1;
    socket.on("error", () => undefined).resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  for (const [name, sizeMib] of Object.entries({ image: 768, packed: 192 })) {
    await writeFile(join(shared, name), "");
    await truncate(join(shared, name), sizeMib * MIB);
  }
  large = join(shared, "large.mender");
  const request = { ...rootfsRequest(join(shared, "packed")), name: "large", compression: "gzip" } as const;
  await writeArtifact(request, large, () => undefined, new AbortController().signal);
  const { privateKey } = generateKeyPairSync("ed25519");
  await writeFile(join(shared, "key.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
});
afterAll(async () => {
  server.close();
  await rm(shared, { recursive: true });
});

let board: TestBoard;
let work: string;
beforeEach(async () => {
  board = await TestBoard.make({ slotKib: 2048 });
  work = await mkdtemp(join(tmpdir(), "switchback-interrupted-"));
  connections = 0;
});
afterEach(async () => {
  for (const writer of writers) await writer.close();
  writers = [];
  await board.remove();
  await rm(work, { recursive: true });
});

const url = (): string => {
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
};

/** The last signal for which the program installs a handler. Before that, SIGINT ends Node itself. */
const SIGQUIT_BIT = 1n << 2n;

/** Waits until the program has handlers for signals. */
const handles = async (child: ChildProcess): Promise<boolean> => {
  const status = await readFile(`/proc/${child.pid}/status`, "utf8");
  return (BigInt(`0x${/^SigCgt:\t(\w+)$/m.exec(status)?.[1] ?? "0"}`) & SIGQUIT_BIT) !== 0n;
};

/** Waits until the program has opened the file `path`. */
const hasOpen = async ({ pid }: ChildProcess, path: string): Promise<boolean> => {
  const all = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(all.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => ""))); // ignored: closed
  return targets.includes(path);
};

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
/** A connection may still be that of the program before it, so that it does not tell that this one has handlers. */
const isConnected = async (child: ChildProcess): Promise<boolean> => connections > 0 && (await handles(child));

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await setTimeout(5);
}

interface Case {
  readonly title: string;
  prepare?(): Promise<unknown>;
  argv(): readonly string[];
  /** Waits until the program is in the middle of its work. */
  later(child: ChildProcess, out: () => string): Promise<boolean>;
  readonly exitCode?: number;
}

const managed = (): Promise<void> => board.configure({ ServerURL: url() });
const withIdentity = async (): Promise<void> => {
  await managed();
  await mkdir(board.path("share/identity"));
  await writeFile(board.path("share/identity/mender-device-identity"), "#!/bin/sh\necho mac=1\n", { mode: 0o755 });
};
const withHttps = async (): Promise<void> => {
  await withIdentity();
  await board.configure({ ServerURL: url().replace("http:", "https:") });
};
const fifo = (): string => board.file("pipe");
let writers: FileHandle[] = [];
async function pipe(): Promise<void> {
  execFileSync("mkfifo", [fifo()]);
}
/** Starts a writer that writes a few bytes and keeps the pipe open. */
async function hasWritten(child: ChildProcess, path: string): Promise<boolean> {
  if (!(await hasOpen(child, path))) return false;
  writers.push(await open(path, "w"));
  await writers.at(-1)?.write(Buffer.alloc(100));
  return true;
}
const sleepingIdentity = async (): Promise<void> => {
  await withIdentity();
  const script = `#!/bin/sh\n: >${work}/started\nsleep 1000\n`;
  await writeFile(board.path("share/identity/mender-device-identity"), script);
};
const hasStarted = async (): Promise<boolean> => {
  if (!(await exists(join(work, "started")))) return false;
  await rm(join(work, "started"));
  return true;
};
const sleepingScript = async (): Promise<void> => {
  await board.release("v2");
  await writeFile(board.path("etc/scripts/version"), "3");
  const script = `#!/bin/sh\n: >${work}/started\nsleep 1000\n`;
  await writeFile(board.path("etc/scripts/Download_Enter_00"), script, { mode: 0o755 });
};
const toy = (changes: Readonly<Record<string, string>>) => () => writeFile(board.file("toy.mjs"), toyModule(changes));
const image = (): string => join(shared, "image");
const output = (name: string): string => join(work, name);
const write = (...more: readonly string[]): readonly string[] => [
  ...["artifact", "write", "rootfs-image", "-t", "t", "-n", "n", "-f", image(), "-o", output("x.mender"), ...more],
];
const inWork = async (): Promise<boolean> => (await readdir(work)).some((name) => name !== "tmp");

const CASES: readonly Case[] = [
  { title: "install, from a server that hangs", argv: () => ["install", `${url()}/x`], later: isConnected },
  { title: "install, from standard input that stays open", argv: () => ["install", "-"], later: handles },
  { title: "install, from a pipe that nobody writes", prepare: pipe, argv: () => ["install", fifo()], later: handles },
  {
    title: "install, from a pipe whose writer waits",
    prepare: pipe,
    argv: () => ["install", fifo()],
    later: (child) => hasWritten(child, fifo()),
  },
  { title: "artifact read, from a pipe", prepare: pipe, argv: () => ["artifact", "read", fifo()], later: handles },
  {
    title: "artifact validate, from a pipe",
    prepare: pipe,
    argv: () => ["artifact", "validate", fifo()],
    later: handles,
  },
  {
    title: "bootstrap, with a passphrase from a pipe",
    prepare: pipe,
    argv: () => ["bootstrap", "--passphrase-file", fifo()],
    later: (child) => hasOpen(child, fifo()),
  },
  {
    title: "bootstrap, with a passphrase from standard input that stays open",
    argv: () => ["bootstrap", "--passphrase-file", "-"],
    later: handles,
  },
  {
    title: "install, in a state script",
    prepare: sleepingScript,
    argv: () => ["install", board.file("v2.mender")],
    later: hasStarted,
  },
  { title: "artifact write", argv: () => write("--compression", "none"), later: inWork },
  { title: "artifact write, compressing", argv: () => write("--compression", "gzip"), later: inWork },
  { title: "artifact read", argv: () => ["artifact", "read", large], later: (child) => hasOpen(child, large) },
  { title: "artifact validate", argv: () => ["artifact", "validate", large], later: (child) => hasOpen(child, large) },
  {
    title: "artifact sign",
    argv: () => ["artifact", "sign", "-k", join(shared, "key.pem"), "-o", output("signed"), large],
    later: (child) => hasOpen(child, large),
  },
  {
    title: "board image",
    argv: () => ["board", "image", output("v.img"), "--version", "v", "--size", "768M"],
    later: inWork,
  },
  {
    title: "adapter check",
    prepare: toy({}),
    argv: () => ["adapter", "check", board.file("toy.mjs")],
    later: async (_, out) => out().includes("kept"),
  },
  {
    title: "adapter check of a module that never answers",
    prepare: toy({ plan: "return new Promise(() => setInterval(() => undefined, 1000));" }),
    argv: () => ["adapter", "check", board.file("toy.mjs")],
    later: handles,
  },
  { title: "doctor, with a server that hangs", prepare: withHttps, argv: () => ["doctor"], later: isConnected },
  { title: "doctor, in the identity script", prepare: sleepingIdentity, argv: () => ["doctor"], later: hasStarted },
  { title: "poll, with a server that hangs", prepare: withIdentity, argv: () => ["poll", "--now"], later: isConnected },
  {
    title: "poll, in the identity script",
    prepare: sleepingIdentity,
    argv: () => ["poll", "--now"],
    later: hasStarted,
  },
  {
    title: "bootstrap, with a server that hangs",
    prepare: withIdentity,
    argv: () => ["bootstrap"],
    later: isConnected,
  },
  {
    title: "daemon, with a server that hangs",
    prepare: withIdentity,
    argv: () => ["daemon"],
    later: isConnected,
    exitCode: 0,
  },
  {
    title: "daemon, in the identity script",
    prepare: sleepingIdentity,
    argv: () => ["daemon"],
    later: hasStarted,
    exitCode: 0,
  },
];

/** Sends SIGINT once, when `ready` resolves, and checks how the program ends and which files it leaves. */
async function interrupted(
  { argv }: Case,
  ready: (child: ChildProcess, out: () => string) => Promise<boolean>,
): Promise<Ended> {
  await mkdir(join(work, "tmp"), { recursive: true });
  // A script creates this file even if it starts just before the program receives the signal.
  await rm(join(work, "started"), { force: true });
  const { child, ended } = startProgram(process.execPath, [program.path, ...board.options, ...argv()], {
    TMPDIR: join(work, "tmp"),
  });
  // On a machine that is busy with other tests, it must not have ended before this process looks again.
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  let out = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  try {
    await until(async () => child.exitCode !== null || (await ready(child, () => out)));
    child.kill("SIGINT");
    return await ended;
  } finally {
    child.kill("SIGKILL");
  }
}

/**
 * On a busy machine, a program may end successfully just before the signal arrives, so it gets some more chances. A
 * program that ignores the signal ends successfully each time.
 */
async function interruptedInTime(each: Case, ready: Parameters<typeof interrupted>[1]): Promise<Ended> {
  for (let chances = 4; chances > 0; chances -= 1) {
    const ended = await interrupted(each, ready);
    if (ended.exitCode !== 0 || each.exitCode === 0) return ended;
    for (const name of await readdir(work)) if (name !== "tmp") await rm(join(work, name), { recursive: true });
  }
  return await interrupted(each, ready);
}

for (const each of CASES) {
  test(`Ctrl-C once ends '${each.title}', at its beginning and in its middle, and leaves nothing half done`, async () => {
    await each.prepare?.();
    const slot = await board.slot("B");
    for (const ready of [handles, each.later]) {
      connections = 0;
      const { exitCode, signal, err } = await interruptedInTime(each, ready);
      expect([exitCode, signal, err]).toEqual([each.exitCode ?? 1, null, err]);
      if (each.exitCode === undefined) expect(err.at(-1)).toMatch(/CANCELLED.*signal=SIGINT/);
      expect(err.filter((line) => /^\s+at /.test(line))).toEqual([]);
      expect(await readdir(join(work, "tmp"))).toEqual([]);
      expect((await readdir(work)).filter((name) => name !== "started")).toEqual(["tmp"]);
      expect((await board.slot("B")).equals(slot)).toBe(true);
      expect(await board.env()).toMatchObject({ upgrade_available: "0" });
    }
  });
}

/** Another test tries this at a plain question, together with Ctrl-D. */
test("Ctrl-C once at a question for a secret of 'setup' ends it, and nothing is written", async () => {
  const conf = join(work, "mender.conf");
  const options = ["--device-type", "t", "--server-url", "https://127.0.0.1:1", "--username", "me"];
  const words = [process.execPath, program.path, "-c", conf, "-d", join(work, "data"), "setup", ...options];
  const { child, ended } = startProgram("script", ["-qec", words.map((word) => `'${word}'`).join(" "), "/dev/null"]);
  let shown = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    shown += chunk.toString();
  });
  await until(async () => child.exitCode !== null || shown.includes("Password: "));
  child.stdin?.write("\u0003");
  const { exitCode } = await ended;
  expect([exitCode, shown]).toEqual([1, expect.stringContaining("CANCELLED")]);
  expect(await readdir(work)).toEqual([]);
});
