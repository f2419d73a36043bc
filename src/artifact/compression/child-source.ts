import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { AgentError } from "../../errors/agent-error.ts";
import { type ByteSource, readerOfChunks } from "../../util/byte-source.ts";
import { errnoOf } from "../../util/errno.ts";
import { startAgain } from "../../util/start-again.ts";

/** Programs that decompress stdin to stdout, and their Debian packages. */
const PROGRAMS = {
  // A file can require a dictionary of gigabytes; the output of `xz -9` needs 65 MiB.
  lzma: { argv: ["xz", "-dcq", "-T1", "--memlimit-decompress=128MiB"], package: "xz-utils" },
  // zstd has the same limit by default.
  zstd: { argv: ["zstd", "-dcq"], package: "zstd" },
} as const;

type Format = keyof typeof PROGRAMS;

const CHUNK_BYTES = 128 * 1024;
const MAX_STDERR_CHARACTERS = 400;

/**
 * Decompresses `source` with a child process. Nothing accumulates: the child gets one chunk at a time, and reads only
 * as fast as its output is read. The child ends with `close` at the latest.
 *
 * The source throws DECOMPRESSOR_MISSING, PROCESS_START, ARTIFACT_COMPRESSED_DATA, and the errors of `source`.
 */
export function childSource(source: ByteSource, format: Format): ByteSource {
  const abandoned = new AbortController();
  const started = startAgain(() => start(format), abandoned.signal).then((child) => outputOf(child, source, format));
  // ignored: `read` reports it.
  const unpacked = started.catch(() => undefined);
  return {
    read: async (into) => (await started).read(into),
    async close() {
      abandoned.abort();
      await ((await unpacked) ?? source).close();
    },
  };
}

/**
 * The child needs no record of running programs: if this process is killed, the child's input ends, and the child
 * exits.
 */
function start(format: Format): Promise<ChildProcessWithoutNullStreams> {
  const { argv, package: debianPackage } = PROGRAMS[format];
  const [program, ...args] = argv;
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      const isMissing = errnoOf(cause) === "ENOENT";
      const detail = { program, package: debianPackage };
      reject(new AgentError(isMissing ? "DECOMPRESSOR_MISSING" : "PROCESS_START", detail, cause));
    };
    try {
      const child = spawn(program, args, { stdio: "pipe", env: plainEnvironment() });
      child.once("error", fail);
      child.once("spawn", () => resolve(child));
    } catch (cause) {
      // Some start failures are thrown, and others arrive as events.
      fail(cause);
    }
  });
}

/** The output of `child` for the input `source`. */
function outputOf(child: ChildProcessWithoutNullStreams, source: ByteSource, format: Format): ByteSource {
  let failure: unknown;
  let stderr = "";
  let exit: string | undefined;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(0, MAX_STDERR_CHARACTERS);
  });
  // ignored: the exit status of a finished child says why.
  child.stdin.on("error", () => {});
  const ended = new Promise<void>((resolve) => {
    child.once("close", (code, signal) => {
      exit = code === null ? String(signal) : String(code);
      resolve();
    });
  });
  const output = child.stdout[Symbol.asyncIterator]();
  const fed = feed();
  let closed: Promise<void> | undefined;
  return {
    read: readerOfChunks(async () => {
      const { done, value } = await output.next();
      if (done !== true) return value;
      await settle();
      return undefined;
    }),
    close() {
      closed ??= release();
      return closed;
    },
  };

  async function feed(): Promise<void> {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    try {
      for (;;) {
        const count = await source.read(chunk);
        if (count === 0) break;
        const taken = await new Promise<boolean>((resolve) => {
          child.stdin.write(chunk.subarray(0, count), (error) => resolve(!error));
        });
        if (!taken) return;
      }
      child.stdin.end();
    } catch (error) {
      failure ??= error;
      child.kill("SIGKILL");
    }
  }

  async function settle(): Promise<void> {
    await ended;
    await fed;
    if (failure !== undefined) throw failure;
    if (exit !== "0")
      throw new AgentError("ARTIFACT_COMPRESSED_DATA", { format, exit: String(exit), reason: stderr.trim() });
  }

  async function release(): Promise<void> {
    child.kill("SIGKILL");
    child.stdin.destroy();
    child.stdout.destroy();
    await ended;
    await source.close();
  }
}

/** XZ_OPT, ZSTD_CLEVEL and similar variables must not change the output or the memory limit. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], LC_ALL: "C" };
}
