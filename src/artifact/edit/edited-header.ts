import type { ByteSource } from "../../util/byte-source.ts";
import { DOCUMENT_MODE, laidOutEntry, SCRIPT_MODE } from "../header-writer.ts";
import { DEFAULT_LIMITS } from "../limits.ts";
import type { ArtifactInfo } from "../model.ts";
import { readScript } from "../script-files.ts";
import { TarScanner } from "../tar/scanner.ts";
import { entryOf, TAR_END, tarEntry } from "../tar-writer.ts";
import { editHeaderInfo, editTypeInfo, type HeaderEdit, type ImageChecksum } from "./header-edit.ts";

const CHUNK_BYTES = 64 * 1024;
const TYPE_INFO = /^headers\/([0-9]{4})\/type-info$/;
const META_DATA = "headers/0000/meta-data";

/**
 * Streams the tar of the header with the edit applied. Members that the edit does not touch pass through, so memory
 * does not grow with scripts or meta-data.
 *
 * @param header the decompressed header of the valid Artifact that `info` describes
 * @throws {AgentError} SCRIPT_UNREADABLE; the errors of `header`; the signal's reason
 */
export async function* editedHeader(
  header: ByteSource,
  info: ArtifactInfo,
  edit: HeaderEdit,
  checksum: ImageChecksum,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const tar = new TarScanner(header, "header", DEFAULT_LIMITS);
  let newScripts = edit.addScripts ?? [];
  for (let member = await tar.next(); member !== undefined; member = await tar.next()) {
    const { name, sizeBytes } = member;
    if (name === "header-info") {
      yield* document(name, editHeaderInfo(await textOf(tar, sizeBytes), edit));
      continue;
    }
    if (name.startsWith("headers/")) {
      for (const script of newScripts) {
        const content = readScript(script, signal);
        yield* tarEntry({ name: `scripts/${script.name}`, mode: SCRIPT_MODE, sizeBytes: script.sizeBytes, content });
      }
      newScripts = [];
    }
    const payload = info.payloads[Number(TYPE_INFO.exec(name)?.[1])];
    if (payload !== undefined) {
      yield* document(name, editTypeInfo(await textOf(tar, sizeBytes), payload, edit, checksum));
      if (edit.metaData !== undefined) yield* tarEntry(laidOutEntry(META_DATA, edit.metaData));
    } else if (name !== META_DATA || edit.metaData === undefined) {
      const mode = name.startsWith("scripts/") ? SCRIPT_MODE : DOCUMENT_MODE;
      yield* tarEntry({ name, mode, sizeBytes, content: contentOf(tar) });
    }
  }
  yield TAR_END;
}

const document = (name: string, text: string): AsyncGenerator<Uint8Array> =>
  tarEntry(entryOf(name, DOCUMENT_MODE, Buffer.from(text)));

/** Each chunk is valid until the next one is requested. */
async function* contentOf(tar: TarScanner): AsyncGenerator<Uint8Array> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let count = await tar.read(chunk); count > 0; count = await tar.read(chunk)) yield chunk.subarray(0, count);
}

async function textOf(tar: TarScanner, sizeBytes: number): Promise<string> {
  const content = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; ) at += await tar.read(content.subarray(at));
  return new TextDecoder().decode(content);
}
