import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { AgentError } from "../../errors/agent-error.ts";
import { type ByteSource, readerOfChunks } from "../../util/byte-source.ts";
import { startAgain } from "../../util/start-again.ts";

/** Programs that unpack stdin to stdout, and the Debian packages that bring them. */
const PROGRAMS = {
  // A file can ask for gigabytes of dictionary; what `xz -9` writes needs 65 MiB to unpack.
  lzma: { argv: ["xz", "-dcq", "-T1", "--memlimit-decompress=128MiB"], package: "xz-utils" },
  // zstd has the same limit of itself.
  zstd: { argv: ["zstd", "-dcq"], package: "zstd" },
} as const;

type Format = keyof typeof PROGRAMS;

const CHUNK_BYTES = 128 * 1024;
const MAX_STDERR_CHARACTERS = 400;

/**
 * Bytes of `source` behind a decompressing child process. Nothing piles up: the child is fed one chunk at a
 * time, and reads on only as fast as its output is read. The child ends with `close` at the latest.
 *
 * The source throws DECOMPRESSOR_MISSING, PROCESS_START, ARTIFACT_COMPRESSED_DATA, and the errors of `source`.
 */
export function childSource(source: ByteSource, format: Format): ByteSource {
  const abandoned = new AbortController();
  const started = startAgain(() => start(format), abandoned.signal).then((child) => outputOf(child, source, format));
  // ignored: whoever reads is told.
  const unpacked = started.catch(() => undefined);
  return {
    read: async (into) => (await started).read(into),
    async close() {
      abandoned.abort();
      await ((await unpacked) ?? source).close();
    },
  };
}

/** It needs no record of running programs: when this process is killed, its input ends, and with it the child. */
function start(format: Format): Promise<ChildProcessWithoutNullStreams> {
  const { argv, package: debianPackage } = PROGRAMS[format];
  const [program, ...args] = argv;
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      const isMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
      const detail = { program, package: debianPackage };
      reject(new AgentError(isMissing ? "DECOMPRESSOR_MISSING" : "PROCESS_START", detail, cause));
    };
    try {
      const child = spawn(program, args, { stdio: "pipe", env: plainEnvironment() });
      child.once("error", fail);
      child.once("spawn", () => resolve(child));
    } catch (cause) {
      // Some failures of a start are thrown, and others are events.
      fail(cause);
    }
  });
}

/** What `child` makes of `source`. */
function outputOf(child: ChildProcessWithoutNullStreams, source: ByteSource, format: Format): ByteSource {
  let failure: unknown;
  let stderr = "";
  let exit: string | undefined;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(0, MAX_STDERR_CHARACTERS);
  });
  // ignored: a child that has ended tells why with its exit status.
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

/** XZ_OPT, ZSTD_CLEVEL and the like must not change what is unpacked or how much memory it may take. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], LC_ALL: "C" };
}
