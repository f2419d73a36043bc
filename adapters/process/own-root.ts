import { existsSync, type Stats } from "node:fs";
import { chmod, cp, lstat, mkdir, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { GuardedProcess, Process, ProcessLimits } from "../../src/ports/process.ts";
import { readSmallBytes } from "../../src/util/small-file.ts";
import { type ChildProcessOptions, createChildProcess } from "./child-process.ts";
import { DEVICES, MACHINE, PROGRAM_FOLDERS, SETUP, SETUP_VARIABLE } from "./own-root-setup.ts";

/** What stands for a device while programs are tried that would change it. */
export interface OwnRoot {
  /** Folder that stands for `/`. */
  readonly root: string;
  /** Folders of the machine that programs reach at the same path and may change. */
  readonly folders: readonly string[];
  /** Paths in the root, and what they lead to in `folders`. */
  readonly links?: Readonly<Record<string, string>>;
  /** A file or folder that programs reach and may not change. */
  readonly readOnly?: string;
  /** Names the program where it is not the first word of what is run. */
  readonly program?: string;
  /** A program that honours `SWITCHBACK_ROOT` is trusted with that: a root of its own makes each start slower. */
  readonly trustsHonouring?: boolean;
  /** Whether the user has allowed the programs to change the machine. */
  isMachineAllowed(): boolean;
}

/** What a program that honours it puts before absolute paths. */
const ROOT_VARIABLE = "SWITCHBACK_ROOT";

const FOLDERS = [
  ...["dev/shm", "etc", "home", "media", "mnt", "opt", "proc", "root", `run/${MACHINE}`, "srv", "tmp"],
  ...["var/cache", "var/lib", "var/log", "var/tmp"],
];

const STREAMS = { "dev/fd": "/proc/self/fd", "dev/stdin": "fd/0", "dev/stdout": "fd/1", "dev/stderr": "fd/2" };

/** What a device keeps in memory, and has lost when it is switched on again. */
const MEMORY = ["run", "tmp", "dev/shm"];

/** What programs need of the machine's /etc: no secrets, and nothing that is large. */
const SETTINGS = [
  ...["alternatives", "ca-certificates.conf", "group", "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"],
  ...["localtime", "nsswitch.conf", "pki/tls/certs", "profile", "protocols", "resolv.conf", "services"],
  ...["ssl/certs", "ssl/openssl.cnf"],
  // The last one: with it, all are there.
  "passwd",
];

/** Would lead programs to the machine's services, or to folders that the device does not have. */
const MACHINE_ONLY = [
  ...["CONTAINER_HOST", "DBUS_SESSION_BUS_ADDRESS", "DOCKER_HOST", "SSH_AUTH_SOCK", "TMPDIR", "XDG_RUNTIME_DIR"],
];

const PROBE: ProcessLimits = { timeoutMs: 20_000, maxOutputBytes: 4096 };
const SIGNALLED = 128;

/**
 * Programs that can change nothing of the machine but the folders of `own`: they run as root of their own mount and
 * process namespaces, in which `own.root` is the root. All of a program's processes end with it. Where the machine
 * makes no namespaces, only a program that honours `SWITCHBACK_ROOT` runs, unless the user has allowed the machine.
 *
 * @throws {AgentError} BOARD_UNCONFINED, and the codes of a child process
 */
export function createOwnRootProcess(own: OwnRoot, options: ChildProcessOptions = {}): GuardedProcess {
  const env = options.env ?? process.env;
  const machine = createChildProcess(options);
  const honouring = createChildProcess({ ...options, env: { ...env, [ROOT_VARIABLE]: own.root } });
  const confined = createChildProcess({ ...options, env: confinedEnvironment(env) });
  let looking: Promise<Namespaces> | undefined;

  /** How a program may run. @throws {AgentError} BOARD_UNCONFINED */
  async function wayFor(program: string): Promise<"host" | "honouring" | readonly [string, ...string[]]> {
    if (own.isMachineAllowed()) return "host";
    if (own.trustsHonouring === true && (await honoursRoot(program))) return "honouring";
    looking ??= makeRoot(own).then(() => findNamespaces(own, confined));
    const { argv, reason } = await looking;
    if (argv !== undefined) return argv;
    if (await honoursRoot(program)) return "honouring";
    throw new AgentError("BOARD_UNCONFINED", { program, reason });
  }

  return {
    async expectToRun(program) {
      return typeof (await wayFor(program)) !== "string";
    },
    async run([first, ...rest], limits, signal, stdin) {
      const program = first.includes("/") ? resolve(first) : first;
      const way = await wayFor(own.program ?? program);
      if (way === "host") return machine.run([program, ...rest], limits, signal, stdin);
      if (way === "honouring") return honouring.run([program, ...rest], limits, signal, stdin);
      const argv = [...way, ...setupArguments(own, limits.cwd), program, ...rest] as const;
      const result = await confined.run(argv, limits, signal, stdin);
      // A shell waits for the program, and tells of a signal like this.
      return (result.exitCode ?? 0) > SIGNALLED ? { ...result, exitCode: undefined } : result;
    },
  };
}

interface Namespaces {
  /** What makes them; the arguments of the set-up follow. */
  readonly argv?: readonly [string, ...string[]];
  readonly reason: string;
}

/** The best that this machine allows, tried out. */
async function findNamespaces(own: OwnRoot, confined: Process): Promise<Namespaces> {
  let reason = "";
  for (const asUser of process.geteuid?.() === 0 ? [false, true] : [true]) {
    const argv = namespaceArgv(asUser);
    try {
      const test = [...argv, ...setupArguments(own), "true"] as const;
      const { exitCode, stderr } = await confined.run(test, PROBE, new AbortController().signal);
      if (exitCode === 0) return { argv, reason: "" };
      reason = stderr.trim().split("\n")[0] ?? "";
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      reason = error.code === "PROCESS_MISSING" ? "unshare is not installed" : error.code;
    }
  }
  return { reason };
}

function namespaceArgv(asUser: boolean): readonly [string, ...string[]] {
  const namespaces = ["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"];
  const user = asUser ? ["--user", "--map-root-user"] : [];
  return ["unshare", ...user, ...namespaces, "sh", "-c", `eval "$${SETUP_VARIABLE}"`, "sh"];
}

const setupArguments = (own: OwnRoot, cwd = "/"): readonly string[] => [
  ...[own.root, cwd, own.readOnly ?? "", ...own.folders],
  "--",
];

function confinedEnvironment(env: NonNullable<ChildProcessOptions["env"]>): typeof env {
  const without = Object.fromEntries(MACHINE_ONLY.map((name) => [name, undefined]));
  // A user's PATH lacks the folders in which mount, pivot_root and what a device's root needs are found.
  const path = `${env["PATH"] ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`;
  return { ...env, ...without, PATH: path, HOME: "/root", [ROOT_VARIABLE]: "", [SETUP_VARIABLE]: SETUP };
}

/** A program that puts `SWITCHBACK_ROOT` before its paths names it. */
async function honoursRoot(program: string): Promise<boolean> {
  try {
    return readSmallBytes(program).includes(ROOT_VARIABLE);
  } catch {
    // ignored: what cannot be read cannot be run either, and what is that large is no script.
    return false;
  }
}

/** What a power cut does to a root. */
export async function forgetMemory(root: string): Promise<void> {
  for (const name of MEMORY) await rm(join(root, name), { recursive: true, force: true });
}

/** Makes what a root must hold before it can be one; what is there stays. */
async function makeRoot(own: OwnRoot): Promise<void> {
  try {
    await fillRoot(own);
  } catch (cause) {
    throw new AgentError("BOARD_IO", { path: own.root }, cause);
  }
}

async function fillRoot({ root, links = {} }: OwnRoot): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const name of FOLDERS) await makeFolder(root, name);
  await chmod(join(root, "tmp"), 0o1777);
  for (const name of PROGRAM_FOLDERS) await shareFolder(root, name);
  for (const name of DEVICES) await writeFile(join(root, "dev", name), "", { flag: "a" });
  for (const [path, to] of Object.entries({ ...STREAMS, ...links })) await link(to, join(root, path));
  if (existsSync(join(root, "etc/passwd"))) return;
  for (const name of SETTINGS) await copySettings(join("/etc", name), join(root, "etc", name));
}

/** Never through a link, which would lead to the machine as long as the root is none. */
async function makeFolder(root: string, name: string): Promise<void> {
  let path = root;
  for (const part of name.split("/")) {
    path = join(path, part);
    await mkdir(path).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      // ignored: whether it is a folder is looked at below.
    });
    if (!(await lstat(path)).isDirectory()) throw new Error(`${path} must be a folder`);
  }
}

async function shareFolder(root: string, name: string): Promise<void> {
  const found = await look(`/${name}`);
  if (found?.isSymbolicLink() !== true) {
    if (found?.isDirectory() === true) await makeFolder(root, name);
    return;
  }
  await link(await readlink(`/${name}`), join(root, name));
}

async function link(to: string, path: string): Promise<void> {
  await symlink(to, path).catch(() => {
    // ignored: an earlier run has made it, or the device has something else there.
  });
}

async function copySettings(from: string, to: string): Promise<void> {
  // A link that leads out of /etc, as of resolv.conf into /run, leads nowhere on the board.
  const isLink = (await look(from))?.isSymbolicLink() === true;
  await cp(from, to, { recursive: true, dereference: isLink, verbatimSymlinks: !isLink }).catch(() => {
    // ignored: the machine does not have it, or not for this user.
  });
}

function look(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => {
    // ignored: there is none, or not for this user.
    return undefined;
  });
}
