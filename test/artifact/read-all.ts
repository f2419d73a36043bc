import { type ArtifactReader, openArtifact, type ReaderOptions } from "../../src/artifact/reader.ts";
import { type ByteSource, fromIterable } from "../../src/util/byte-source.ts";

export interface WholeArtifact {
  readonly info: ArtifactReader["info"];
  readonly scripts: readonly { readonly name: string; readonly content: Buffer }[];
  /** Content of every payload's files, in order. */
  readonly payloads: readonly (readonly { readonly name: string; readonly content: Buffer }[])[];
}

/** Reads an Artifact to its end and keeps all of it. @param chunkBytes size of the buffer it is read with */
export async function readAll(
  source: ByteSource | Uint8Array,
  options: ReaderOptions = {},
  chunkBytes = 4096,
): Promise<WholeArtifact> {
  const scripts: { name: string; content: Buffer }[] = [];
  const reader = await openArtifact(source instanceof Uint8Array ? fromIterable([source]) : source, {
    async storeScript(name, read) {
      scripts.push({ name, content: await wholeOf({ read }, chunkBytes) });
    },
    ...options,
  });
  try {
    const payloads: { name: string; content: Buffer }[][] = [];
    for (let payload = await reader.nextPayload(); payload !== undefined; payload = await reader.nextPayload()) {
      const files: { name: string; content: Buffer }[] = [];
      for (let file = await payload.next(); file !== undefined; file = await payload.next()) {
        files.push({ name: file.name, content: await wholeOf(file, chunkBytes) });
      }
      payloads.push(files);
    }
    await reader.finish();
    return { info: reader.info, scripts, payloads };
  } finally {
    await reader.close();
  }
}

async function wholeOf(file: Pick<ByteSource, "read">, chunkBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const into = Buffer.alloc(chunkBytes);
  for (let count = await file.read(into); count > 0; count = await file.read(into)) {
    chunks.push(Buffer.from(into.subarray(0, count)));
  }
  return Buffer.concat(chunks);
}

/** Bytes in pieces of one size, as a connection might bring them. */
export function inPieces(bytes: Uint8Array, pieceBytes: number): ByteSource {
  return fromIterable(
    (function* () {
      for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
    })(),
  );
}
