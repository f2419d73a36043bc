import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AgentError } from "../src/errors/agent-error.ts";
import { toolMissing } from "./run.ts";

export const COMPRESSIONS = ["none", "gzip", "xz", "zstd"] as const;
export type ImageCompression = (typeof COMPRESSIONS)[number];

const CHUNK_BYTES = 1024 * 1024;
/** One thread, and settings that need little memory: the same image gives the same bytes on every machine. */
const PROGRAMS: Readonly<
  Record<Exclude<ImageCompression, "none">, readonly [argv: readonly string[], debianPackage: string]>
> = {
  gzip: [["gzip", "-n", "-6", "-c"], "gzip"],
  xz: [["xz", "-4", "--threads=1", "-c"], "xz-utils"],
  zstd: [["zstd", "-q", "-3", "--threads=1", "-c"], "zstd"],
};

/** By the end of the file's name: `.gz`, `.xz` or `.zst`. */
export function compressionOf(path: string): ImageCompression {
  if (path.endsWith(".gz")) return "gzip";
  if (path.endsWith(".xz")) return "xz";
  return path.endsWith(".zst") ? "zstd" : "none";
}

/** The name of the block map, as bmaptool looks for it: without the suffix of the compression. */
export const bmapPathOf = (path: string): string => `${path.replace(/\.(?:gz|xz|zst)$/, "")}.bmap`;

/** Compresses `from` into `to`. */
export async function compress(
  from: string,
  to: string,
  how: Exclude<ImageCompression, "none">,
  onRead: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const [[program = "", ...args], debianPackage] = PROGRAMS[how];
  const output = await open(to, "wx");
  try {
    const child = spawn(program, args, { stdio: ["pipe", output.fd, "pipe"] }) as Compressing;
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = `${said}${text}`.slice(-1000);
    });
    const ended = new Promise<number | string | Error>((resolve) => {
      child.on("error", resolve);
      child.on("close", (code, name) => resolve(code ?? name ?? ""));
    });
    const source = createReadStream(from, { highWaterMark: CHUNK_BYTES });
    source.on("data", (chunk) => onRead(chunk.length));
    // ignored: if the program stops reading, its exit status says why.
    await pipeline(source, child.stdin, { ...(signal && { signal }) }).catch(() => child.kill());
    const status = await ended;
    signal?.throwIfAborted();
    if (status instanceof Error) throw toolMissing(program, debianPackage, status);
    if (status !== 0) throw new AgentError("IMAGE_TOOL_FAILED", { program }, new Error(said.trim()));
  } finally {
    await output.close();
  }
}

type Compressing = ChildProcessByStdio<Writable, null, Readable>;
