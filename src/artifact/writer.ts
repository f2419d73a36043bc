import { createHash } from "node:crypto";
import { AgentError } from "../errors/agent-error.ts";
import type { WriteOutput } from "../ports/files.ts";
import { checkImageSize } from "../util/image-size.ts";
import { type ArtifactRequest, checkRequest } from "./artifact-request.ts";
import { compress } from "./compression/compress.ts";
import { memberName } from "./compression/formats.ts";
import { type Front, layOutFront } from "./front.ts";
import { appendMember } from "./outer-writer.ts";
import { findPayload, type OnBytes, type PayloadSource, payloadEntry, type SourceFile } from "./payload-file.ts";
import { findScripts } from "./script-files.ts";
import { type SigningKey, signManifest } from "./signing.ts";
import { TAR_END, tarOf } from "./tar-writer.ts";

/** Of a key that does not say how long its signatures are: as long as those of RSA with 2048 bits. */
const USUAL_SIGNATURE_BYTES = 256;

/** Summary of the written Artifact. */
export interface WrittenArtifact {
  readonly sizeBytes: number;
  readonly files: readonly SourceFile[];
  readonly scripts: readonly string[];
}

/** The members before the data need another number of bytes than was left for them. */
class Misfit extends Error {
  readonly front: Front;
  constructor(front: Front) {
    super("the members before the data do not fit");
    this.front = front;
  }
}

/**
 * Writes an Artifact of version 3. The same request gives the same bytes on the same runtime (except for an ECDSA
 * signature). Memory use does not grow with payload files or state scripts. The output file gets the whole Artifact or
 * stays unchanged.
 *
 * The manifest precedes the data and holds its checksums. To read each payload file only once, this function leaves room
 * for the members before the data, and writes them at the end. The length of a compressed header depends a little on
 * the checksum in it. In the rare case that the room does not fit, the function starts again with the right room.
 *
 * @param onBytes called with the number of payload bytes as they are read
 * @throws {AgentError} ARTIFACT_FIELD, ARTIFACT_MEMBER_NAME, IMAGE_TOO_SMALL, PAYLOAD_UNREADABLE, PAYLOAD_DUPLICATE,
 * PAYLOAD_CHANGED, SCRIPT_UNREADABLE, SCRIPT_NAME, SCRIPT_DUPLICATE, COMPRESSOR_MISSING, COMPRESSOR_FAILED,
 * OUTPUT_FAILED, and the codes of the key; the signal's reason
 * @see Artifact format v3
 */
export async function writeArtifact(
  request: ArtifactRequest,
  write: WriteOutput,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<WrittenArtifact> {
  checkRequest(request);
  const { payload, compression, key } = request;
  const scripts = await findScripts(request.scripts);
  const sources = await findPayloads(payload.files);
  if (payload.kind === "rootfs-image") for (const { path, sizeBytes } of sources) checkImageSize(path, sizeBytes);
  const sign = key && signOnce(key, signal);
  const expected = sources.map((source) => ({ ...source, sha256: sha256Of(source.name) }));
  const placeholder = async (): Promise<Uint8Array> => Buffer.alloc(base64Length(key?.signatureBytes));
  const guess = await layOutFront(request, scripts, expected, key && placeholder, signal);
  try {
    return await attempt(guess, onBytes);
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    return await attempt(error.front, () => undefined).catch(noMisfit);
  }

  async function attempt(room: Front, read: OnBytes): Promise<WrittenArtifact> {
    let sizeBytes = 0;
    let files: readonly SourceFile[] = [];
    await write(async (output) => {
      for await (const chunk of room.chunks()) await output.write(chunk);
      const hashes: string[] = [];
      const entries = sources.map((source) => payloadEntry(source, read, (sha256) => hashes.push(sha256), signal));
      await appendMember(output, memberName("data/0000", compression), compress(compression, tarOf(entries), signal));
      await output.write(TAR_END);
      files = sources.map((source, index) => ({ ...source, sha256: hashes[index] ?? "" }));
      const front = await layOutFront(request, scripts, files, sign, signal);
      if (front.sizeBytes !== room.sizeBytes) throw new Misfit(front);
      let at = 0;
      for await (const chunk of front.chunks()) {
        await output.patch(chunk, at);
        at += chunk.length;
      }
      signal.throwIfAborted();
      sizeBytes = output.sizeBytes;
    });
    return { sizeBytes, files, scripts: scripts.map(({ name }) => name) };
  }

  /** The second attempt has the right room, unless the files have changed since the first one. */
  function noMisfit(error: unknown): never {
    throw error instanceof Misfit ? new AgentError("PAYLOAD_CHANGED", { path: payload.files[0] ?? "" }) : error;
  }
}

async function findPayloads(paths: readonly string[]): Promise<PayloadSource[]> {
  const sources = new Map<string, PayloadSource>();
  for (const path of paths) {
    const source = await findPayload(path);
    if (sources.has(source.name)) throw new AgentError("PAYLOAD_DUPLICATE", { path });
    sources.set(source.name, source);
  }
  return [...sources.values()];
}

/** Signs a manifest; the same one again gets the same signature, because a token or a program may ask a person. */
function signOnce(key: SigningKey, signal: AbortSignal): (manifest: Uint8Array) => Promise<Uint8Array> {
  let last: { readonly manifest: Uint8Array; readonly signature: Uint8Array } | undefined;
  return async (manifest) => {
    if (last === undefined || Buffer.compare(last.manifest, manifest) !== 0)
      last = { manifest, signature: await signManifest(manifest, key, signal) };
    return last.signature;
  };
}

const base64Length = (bytes = USUAL_SIGNATURE_BYTES): number => 4 * Math.ceil(bytes / 3);
const sha256Of = (text: string): string => createHash("sha256").update(text).digest("hex");
