import { type FileHandle, open } from "node:fs/promises";
import type { OutputFile } from "../../ports/files.ts";
import type { ByteSource } from "../../util/byte-source.ts";
import { type CompressionFormat, formatOf } from "../compression/formats.ts";
import { DEFAULT_LIMITS } from "../limits.ts";
import { TarScanner } from "../tar/scanner.ts";

const BLOCK_BYTES = 512;
const COPY_BYTES = 1024 * 1024;

/** Where the parts of a valid Artifact are in its file. */
export interface Places {
  readonly manifest: Buffer;
  /** Beginning of the manifest's tar header. */
  readonly manifestStart: number;
  /** End of the manifest, with its padding. */
  readonly manifestEnd: number;
  /** End of the signature; the same as `manifestEnd` if there is none. */
  readonly signatureEnd: number;
  readonly header: {
    readonly name: string;
    readonly format: CompressionFormat;
    readonly start: number;
    readonly sizeBytes: number;
  };
  /** End of the header, with its padding: here the data begin. */
  readonly headerEnd: number;
}

/** @param file an Artifact that was read and verified before */
export async function findPlaces(file: FileHandle): Promise<Places> {
  let position = 0;
  const source: ByteSource = {
    async read(into) {
      const { bytesRead } = await file.read(into, 0, into.length, position);
      position += bytesRead;
      return bytesRead;
    },
    async close() {},
  };
  const scanner = new TarScanner(source, "artifact", DEFAULT_LIMITS);
  let manifest = Buffer.alloc(0);
  let manifestStart = 0;
  let manifestEnd = 0;
  let signatureEnd = 0;
  for (let member = await scanner.next(); member !== undefined; member = await scanner.next()) {
    const { name, sizeBytes } = member;
    const start = position;
    const end = start + Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
    const format = formatOf(name, "header");
    if (format !== undefined)
      return {
        manifest,
        manifestStart,
        manifestEnd,
        signatureEnd,
        header: { name, format, start, sizeBytes },
        headerEnd: end,
      };
    if (name === "manifest") {
      manifest = Buffer.alloc(sizeBytes);
      for (let at = 0; at < sizeBytes; ) at += await scanner.read(manifest.subarray(at));
      manifestEnd = signatureEnd = end;
    }
    if (name === "version") manifestStart = end;
    if (name === "manifest.sig") signatureEnd = end;
  }
  throw new TypeError("an Artifact that was read before has no header");
}

/** `sizeBytes` bytes of a file, beginning at `start`. Closing it leaves the file open. */
export function rangeOf(file: FileHandle, start: number, sizeBytes: number): ByteSource {
  let done = 0;
  return {
    async read(into) {
      const { bytesRead } = await file.read(into, 0, Math.min(into.length, sizeBytes - done), start + done);
      done += bytesRead;
      return bytesRead;
    },
    async close() {},
  };
}

/** Appends bytes of a file to the output, up to `end` or the end of the file. */
export async function copyRange(
  from: FileHandle,
  to: OutputFile,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(COPY_BYTES);
  for (let at = start; at < end; ) {
    signal.throwIfAborted();
    const { bytesRead } = await from.read(buffer, 0, Math.min(buffer.length, end - at), at);
    if (bytesRead === 0) return;
    await to.write(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

/** Opens a file for reading, and closes it after `use`. */
export async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, "r");
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
