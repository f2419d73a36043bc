import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { AgentError } from "../../errors/agent-error.ts";
import { type ByteSource, readerOfChunks } from "../../util/byte-source.ts";

/** Programs that unpack stdin to stdout, and the Debian packages that bring them. */
const PROGRAMS = {
  // A file can ask for gigabytes of dictionary; what `xz -9` writes needs 65 MiB to unpack.
  lzma: { argv: ["xz", "-dcq", "-T1", "--memlimit-decompress=128MiB"], package: "xz-utils" },
  // zstd has the same limit of itself.
  zstd: { argv: ["zstd", "-dcq"], package: "zstd" },
} as const;

const CHUNK_BYTES = 128 * 1024;
const MAX_STDERR_CHARACTERS = 400;

/**
 * Bytes of `source` behind a decompressing child process. Nothing piles up: the child is fed one chunk at a
 * time, and reads on only as fast as its output is read. The child ends with `close` at the latest.
 *
 * The source throws DECOMPRESSOR_MISSING, ARTIFACT_COMPRESSED_DATA, and the errors of `source`.
 */
export function childSource(source: ByteSource, format: keyof typeof PROGRAMS): ByteSource {
  const { argv, package: debianPackage } = PROGRAMS[format];
  const [program, ...args] = argv;
  const cannotStart = (cause: unknown): AgentError =>
    new AgentError("DECOMPRESSOR_MISSING", { program, package: debianPackage }, cause);
  let child: ChildProcessWithoutNullStreams;
  try {
    child = spawn(program, args, { stdio: "pipe", env: plainEnvironment() });
  } catch (cause) {
    // Some failures of a start are thrown, and others are events.
    throw cannotStart(cause);
  }
  let failure: unknown;
  let stderr = "";
  let exit: string | undefined;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(0, MAX_STDERR_CHARACTERS);
  });
  // ignored: a child that has ended tells why with its exit status.
  child.stdin.on("error", () => {});
  const ended = new Promise<void>((resolve) => {
    child.once("error", (cause) => {
      failure ??= cannotStart(cause);
      resolve();
    });
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
