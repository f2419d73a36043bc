import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { type FileHandle, open } from "node:fs/promises";
import { AgentError } from "../../src/errors/agent-error.ts";
import { errnoOf } from "../../src/util/errno.ts";
import { startAgain } from "../../src/util/start-again.ts";
import type { Place } from "./place.ts";

/** A program that works on file systems, and its Debian package. */
export interface Tool {
  readonly program: string;
  readonly package: string;
}

/** How to call a tool. */
export interface Call {
  readonly tool: Tool;
  /** The tool finds the image at `IMAGE`. */
  readonly args: readonly string[];
  readonly place: Place;
  readonly writes: boolean;
  readonly stdin?: string;
}

export interface Ended {
  readonly status: number | string;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/**
 * The image's name for tools. Its real path may contain `?` or `@@`, which tools interpret, or belong to a folder that
 * a rename replaces.
 */
export const IMAGE = "/proc/self/fd/3";

const MAX_STDERR_CHARACTERS = 4000;
/** Debian keeps these tools where the PATH of a user does not lead. */
const SYSTEM_FOLDERS = "/usr/sbin:/sbin";

/** Runs a tool to its end, with all of its output. */
export async function runTool(call: Call, signal: AbortSignal): Promise<Ended> {
  const chunks: Buffer[] = [];
  const running = runningTool(call, signal);
  for (;;) {
    const { done, value } = await running.next();
    if (done === true) return { ...value, stdout: Buffer.concat(chunks) };
    chunks.push(value);
  }
}

/** Runs a tool, and yields its output as it comes. The tool has exited when the iteration ends, in any way. */
export async function* runningTool(call: Call, signal: AbortSignal): AsyncGenerator<Buffer, Omit<Ended, "stdout">> {
  signal.throwIfAborted();
  const image = await open(call.place.path, call.writes ? "r+" : "r").catch((cause: unknown) => {
    throw new AgentError("IMAGE_UNREADABLE", { path: call.place.path }, cause);
  });
  try {
    // No other wait may follow the start: Node drops the output of a program that ends before its output is read.
    const { child, ended, said } = await startAgain(() => start(call, image), signal);
    const stop = (): void => void child.kill("SIGKILL");
    signal.addEventListener("abort", stop);
    try {
      for await (const chunk of child.stdout ?? []) yield chunk;
      const status = await ended;
      signal.throwIfAborted();
      return { status, stderr: said().trim() };
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
      await ended;
    }
  } finally {
    await image.close();
  }
}

interface Started {
  readonly child: ChildProcess;
  /** The exit status or the name of a signal, after all output. */
  readonly ended: Promise<number | string>;
  /** What the tool has written to stderr so far. */
  said(): string;
}

function start({ tool, args, stdin = "" }: Call, image: FileHandle): Promise<Started> {
  const stdio: StdioOptions = ["pipe", "pipe", "pipe", image.fd];
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      const code = errnoOf(cause) === "ENOENT" ? "IMAGE_TOOL_MISSING" : "PROCESS_START";
      reject(new AgentError(code, { program: tool.program, package: tool.package }, cause));
    };
    try {
      const child = spawn(tool.program, args, { stdio, env: environment() });
      child.once("error", fail);
      // The tool may end before this process runs again, so all listeners are set at once.
      const started = listenTo(child);
      child.stdin?.on("error", () => undefined); // ignored: the exit status says why the tool stopped reading.
      child.stdin?.end(stdin);
      child.once("spawn", () => resolve(started));
    } catch (cause) {
      // Some start failures are thrown, and others arrive as events.
      fail(cause);
    }
  });
}

function listenTo(child: ChildProcess): Started {
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(0, MAX_STDERR_CHARACTERS);
  });
  const ended = new Promise<number | string>((resolve) => {
    child.once("close", (code, killed) => resolve(code ?? String(killed)));
  });
  return { child, ended, said: () => stderr };
}

/** Settings of the user must not change what tools do. SOURCE_DATE_EPOCH sets the time of new files. */
function environment(): NodeJS.ProcessEnv {
  const time = process.env["SOURCE_DATE_EPOCH"];
  return {
    PATH: `${process.env["PATH"] ?? ""}:${SYSTEM_FOLDERS}`,
    LC_ALL: "C.UTF-8",
    DEBUGFS_PAGER: "__none__",
    // Images of SD cards rarely have the geometry that mtools expects.
    MTOOLS_SKIP_CHECK: "1",
    MTOOLSRC: "/dev/null",
    ...(time !== undefined && { E2FSPROGS_FAKE_TIME: time, SOURCE_DATE_EPOCH: time }),
  };
}
