import { existsSync, type Stats } from "node:fs";
import { chmod, cp, lstat, mkdir, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { GuardedProcess, Process, ProcessLimits } from "../../src/ports/process.ts";
import { errnoOf } from "../../src/util/errno.ts";
import { readSmallBytes } from "../../src/util/small-file.ts";
import { type ChildProcessOptions, createChildProcess } from "./child-process.ts";
import { DEVICES, MACHINE, PROGRAM_FOLDERS, SETUP, SETUP_VARIABLE } from "./own-root-setup.ts";

/** Stands in for a device when programs run that would change it. */
export interface OwnRoot {
  /** Folder that becomes `/`. */
  readonly root: string;
  /** Folders of the machine that programs reach at the same path and may change. */
  readonly folders: readonly string[];
  /** Links to create in the root: each path, and its target in `folders`. */
  readonly links?: Readonly<Record<string, string>>;
  /** A file or folder that programs may read but not change. */
  readonly readOnly?: string;
  /** Path of the program, if it is not the first word of the command. */
  readonly program?: string;
  /** Runs a program that honours `SWITCHBACK_ROOT` without namespaces, which would make each start slower. */
  readonly trustsHonouring?: boolean;
  /** Whether the user has allowed the programs to change the machine. */
  isMachineAllowed(): boolean;
}

/** Programs that honour this variable put its value before absolute paths. */
const ROOT_VARIABLE = "SWITCHBACK_ROOT";

const FOLDERS = [
  ...["dev/shm", "etc", "home", "media", "mnt", "opt", "proc", "root", `run/${MACHINE}`, "srv", "tmp"],
  ...["var/cache", "var/lib", "var/log", "var/tmp"],
];

const STREAMS = { "dev/fd": "/proc/self/fd", "dev/stdin": "fd/0", "dev/stdout": "fd/1", "dev/stderr": "fd/2" };

/** Folders that a device keeps in memory, and so loses in a power cut. */
const MEMORY = ["run", "tmp", "dev/shm"];

/** What programs need from the machine's /etc: no secrets, and nothing large. */
const SETTINGS = [
  ...["alternatives", "ca-certificates.conf", "group", "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"],
  ...["localtime", "nsswitch.conf", "pki/tls/certs", "profile", "protocols", "resolv.conf", "services"],
  ...["ssl/certs", "ssl/openssl.cnf"],
  // Must be the last one: it marks a complete copy.
  "passwd",
];

/** Variables that would lead programs to the machine's services, or to folders that the device does not have. */
const MACHINE_ONLY = [
  ...["CONTAINER_HOST", "DBUS_SESSION_BUS_ADDRESS", "DOCKER_HOST", "SSH_AUTH_SOCK", "TMPDIR", "XDG_RUNTIME_DIR"],
];

const PROBE: ProcessLimits = { timeoutMs: 20_000, maxOutputBytes: 4096 };
const SIGNALLED = 128;

/**
 * Runs programs that can change only the folders of `own` on this machine. They run as root of new mount and process
 * namespaces in which `own.root` is the root, and all processes of a program end with it. If the machine cannot create
 * namespaces, only programs that honour `SWITCHBACK_ROOT` run, unless the user has allowed changes to the machine.
 *
 * @throws {AgentError} BOARD_UNCONFINED, and the codes of a child process
 */
export function createOwnRootProcess(own: OwnRoot, options: ChildProcessOptions = {}): GuardedProcess {
  const env = options.env ?? process.env;
  const machine = createChildProcess(options);
  const honouring = createChildProcess({ ...options, env: { ...env, [ROOT_VARIABLE]: own.root } });
  const confined = createChildProcess({ ...options, env: confinedEnvironment(env) });
  let looking: Promise<Namespaces> | undefined;

  /** Chooses how to run a program. @throws {AgentError} BOARD_UNCONFINED */
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
      // The shell that waits for the program reports a signal as 128 plus its number.
      return (result.exitCode ?? 0) > SIGNALLED ? { ...result, exitCode: undefined } : result;
    },
  };
}

interface Namespaces {
  /** The command that creates the namespaces; the arguments of the set-up follow it. */
  readonly argv?: readonly [string, ...string[]];
  readonly reason: string;
}

/** Tries out the strongest namespaces that this machine allows. */
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
  // A user's PATH lacks the folders of mount, pivot_root and other programs for root.
  const path = `${env["PATH"] ?? "/usr/bin:/bin"}:/usr/sbin:/sbin`;
  return { ...env, ...without, PATH: path, HOME: "/root", [ROOT_VARIABLE]: "", [SETUP_VARIABLE]: SETUP };
}

/** A script that honours `SWITCHBACK_ROOT` contains the name. */
async function honoursRoot(program: string): Promise<boolean> {
  try {
    return readSmallBytes(program).includes(ROOT_VARIABLE);
  } catch {
    // ignored: an unreadable program cannot run, and a file above the size limit is not a script.
    return false;
  }
}

/** Removes what a device loses in a power cut. */
export async function forgetMemory(root: string): Promise<void> {
  for (const name of MEMORY) await rm(join(root, name), { recursive: true, force: true });
}

/** Creates the contents that a root needs; existing contents stay. */
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

/** Never follows a link: before the root is active, the link would lead to the machine. */
async function makeFolder(root: string, name: string): Promise<void> {
  let path = root;
  for (const part of name.split("/")) {
    path = join(path, part);
    await mkdir(path).catch((error: unknown) => {
      if (errnoOf(error) !== "EEXIST") throw error;
      // ignored: the check below tells whether it is a folder.
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
    // ignored: the link exists from an earlier run, or the device has something else there.
  });
}

async function copySettings(from: string, to: string): Promise<void> {
  // A link that leads out of /etc, such as resolv.conf to /run, would be broken on the board: copy its target.
  const isLink = (await look(from))?.isSymbolicLink() === true;
  await cp(from, to, { recursive: true, dereference: isLink, verbatimSymlinks: !isLink }).catch(() => {
    // ignored: the machine does not have it, or this user may not read it.
  });
}

function look(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => {
    // ignored: it does not exist, or this user may not read it.
    return undefined;
  });
}
