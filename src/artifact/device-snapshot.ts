import { type ChildProcess, spawn } from "node:child_process";
import { AgentError } from "../errors/agent-error.ts";
import { startAgain } from "../util/start-again.ts";

/** A device that is reached by ssh. */
export interface SnapshotSource {
  /** What `ssh` gets: `USER@HOST` or `HOST`. */
  readonly destination: string;
  readonly port: string | undefined;
}

export interface SnapshotRules {
  /** Each is one argument for `ssh`. */
  readonly sshArgs: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Lets `ssh` and `sudo` write their questions straight to the terminal. */
  readonly hasTerminal: boolean;
  /** Receives what the device says, line by line, if there is no terminal. */
  tell(line: string): void;
}

/** On a line of its own before the image: login scripts may print something first. */
const MARK = "Initializing snapshot...";
const MAX_MESSAGE_BYTES = 64 * 1024;
const MAX_STDERR_CHARS = 1_000;
const LINE_END = 0x0a;

/** The programs that can copy the filesystem of a running device, and the words with which they do it. */
const DUMPS = [
  ["switchback", "switchback snapshot dump"],
  ["mender-snapshot", "mender-snapshot dump"],
  ["mender", "mender snapshot dump"],
] as const;

/** Holds no single quote: the device's shell gets it in single quotes. */
const AS_ROOT = [
  `echo ${MARK}`,
  ...DUMPS.map(([program, words]) => `command -v ${program} >/dev/null && exec ${words}`),
  "echo this device has no program that makes a snapshot >&2",
  "exit 127",
].join("; ");
const ON_DEVICE = `[ "$(id -u)" -eq 0 ] || sudo="sudo -S"; exec $sudo /bin/sh -c "${AS_ROOT}"`;

/** @throws {AgentError} OPTION_INVALID */
export function snapshotSource(url: string): SnapshotSource {
  const [, user = "", host = "", port] =
    /^ssh:\/\/([^@/]+@)?(\[[^\]/]+\]|[^:/@[\]]+)(?::(\d{1,5}))?\/?$/.exec(url) ?? [];
  const destination = user + host.replace(/^\[(.*)\]$/, "$1");
  // OpenSSH would take it for an option.
  if (destination !== "" && !/^-|@-|\s/.test(destination)) return { destination, port };
  throw new AgentError("OPTION_INVALID", {
    option: "--file",
    value: url,
    reason: "ssh://[USER@]HOST[:PORT] is needed",
  });
}

/**
 * The image of the device's root filesystem: `ssh` runs the device's own program for snapshots, as root or by `sudo`.
 * The iteration ends only if the device has reported success.
 *
 * @throws {AgentError} SNAPSHOT_FAILED, PROCESS_MISSING, PROCESS_START; the signal's reason
 */
export async function* readSnapshot(
  { destination, port }: SnapshotSource,
  rules: SnapshotRules,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const args = [
    ...rules.sshArgs,
    ...(port === undefined ? [] : ["-p", port]),
    // A connection that breaks without a word must not hang. Options given earlier take precedence.
    ...["-o", "ServerAliveInterval=30", "-o", "ServerAliveCountMax=4"],
    ...["--", destination, `exec /bin/sh -c '${ON_DEVICE}'`],
  ];
  const child = await startAgain(() => start(args, rules), signal);
  const ended = endOf(child, rules);
  const stop = (): void => void child.kill("SIGTERM");
  signal.addEventListener("abort", stop);
  try {
    let marked = false;
    let before = Buffer.alloc(0);
    for await (const chunk of child.stdout ?? []) {
      if (marked) {
        yield chunk;
        continue;
      }
      before = Buffer.concat([before, chunk]);
      const at = markEnd(before);
      marked = at !== undefined;
      if (at !== undefined && at < before.length) yield before.subarray(at);
      if (!marked && before.length > MAX_MESSAGE_BYTES) break;
    }
    if (!marked) child.kill("SIGTERM");
    const { exit, stderr } = await ended;
    signal.throwIfAborted();
    if (exit === "0" && marked) return;
    throw new AgentError("SNAPSHOT_FAILED", { device: destination, exit, ...(stderr === "" ? {} : { stderr }) });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
    child.kill("SIGTERM");
    child.stdout?.destroy();
  }
}

/** Where the image begins: behind the line with the mark. */
function markEnd(text: Buffer): number | undefined {
  const mark = text.indexOf(MARK);
  const end = mark < 0 ? -1 : text.indexOf(LINE_END, mark);
  return end < 0 ? undefined : end + 1;
}

function start(args: readonly string[], { env, hasTerminal }: SnapshotRules): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      const isMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
      reject(new AgentError(isMissing ? "PROCESS_MISSING" : "PROCESS_START", { program: "ssh" }, cause));
    };
    try {
      // `sudo` on the device reads a password from the standard input of this program.
      const child = spawn("ssh", args, { env, stdio: ["inherit", "pipe", hasTerminal ? "inherit" : "pipe"] });
      child.once("error", fail);
      child.once("spawn", () => resolve(child));
    } catch (cause) {
      // Some start failures are thrown, and others arrive as events.
      fail(cause);
    }
  });
}

interface SshEnd {
  /** Exit status, or the name of the signal that ended `ssh`. */
  readonly exit: string;
  readonly stderr: string;
}

function endOf(child: ChildProcess, { tell }: SnapshotRules): Promise<SshEnd> {
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-MAX_STDERR_CHARS);
    for (const line of text.trimEnd().split("\n")) tell(line);
  });
  return new Promise((resolve) => {
    child.once("close", (code, signalName) => resolve({ exit: String(code ?? signalName), stderr: stderr.trim() }));
  });
}
