import { createReadStream, createWriteStream } from "node:fs";
import { type FileHandle, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { writeArtifact } from "../../../src/artifact/writer.ts";
import { AgentError, describeError } from "../../../src/errors/agent-error.ts";
import { ServerError } from "../../errors/server-error.ts";

export interface SingleFile {
  readonly name: string;
  readonly deviceTypes: readonly string[];
  /** Where the device puts the file. */
  readonly folder: string;
  readonly fileName: string;
}

/**
 * Makes an Artifact for the update module `single-file`. Its header holds the checksum of the file, so that the file is
 * written to a temporary folder first.
 *
 * @param use gets the bytes of the Artifact
 * @throws {ServerError} ARTIFACT_INVALID if no Artifact may say this; what `content` and `use` throw
 */
export async function writeSingleFile<T>(
  { name, deviceTypes, folder, fileName }: SingleFile,
  content: Readable,
  use: (artifact: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const work = await mkdtemp(join(tmpdir(), "switchback-artifact-"));
  try {
    const path = join(work, fileName);
    await pipeline(content, createWriteStream(path, { flags: "wx", mode: 0o600 }));
    const texts = { dest_dir: folder, filename: fileName, permissions: "644" };
    for (const [key, text] of Object.entries(texts)) await writeFile(join(work, key), `${text}\n`, { flag: "wx" });
    const files = [...Object.keys(texts).map((key) => join(work, key)), path];
    const payload = {
      ...{ kind: "module" as const, type: "single-file", files, depends: {} },
      provides: { "rootfs-image.single-file.version": name },
      clearsProvides: ["rootfs-image.single-file.*"],
    };
    const out = join(work, ".artifact");
    const rest = { dependsNames: [], dependsGroups: [], scripts: [], compression: "gzip" as const };
    const never = new AbortController().signal;
    await writeArtifact(
      { name, deviceTypes, payload, ...rest },
      (fill) => filled(out, fill),
      () => {},
      never,
    );
    return await use(createReadStream(out));
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    throw new ServerError("ARTIFACT_INVALID", { reason: describeError(error) }, { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

interface Output {
  write(chunk: Uint8Array): Promise<void>;
  patch(chunk: Uint8Array, position: number): Promise<void>;
  readonly sizeBytes: number;
}

async function filled(path: string, fill: (output: Output) => Promise<void>): Promise<void> {
  const file = await open(path, "w", 0o600);
  let sizeBytes = 0;
  try {
    await fill({
      async write(chunk) {
        await writeAll(file, chunk, sizeBytes);
        sizeBytes += chunk.length;
      },
      patch: (chunk, position) => writeAll(file, chunk, position),
      get sizeBytes() {
        return sizeBytes;
      },
    });
  } finally {
    await file.close();
  }
}

/** `write` may write a part only. */
async function writeAll(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < chunk.length; )
    at += (await file.write(chunk, at, chunk.length - at, position + at)).bytesWritten;
}
