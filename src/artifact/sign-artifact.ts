import { AgentError } from "../errors/agent-error.ts";
import type { WriteOutput } from "../ports/files.ts";
import type { ByteSource } from "../util/byte-source.ts";
import { openFileSource } from "../util/file-source.ts";
import { isPipe } from "../util/pipe.ts";
import { copyRange, findPlaces, withFile } from "./edit/places.ts";
import type { OnBytes } from "./payload-file.ts";
import { openArtifact } from "./reader.ts";
import { type SigningKey, signManifest } from "./signing.ts";
import { entryOf, tarEntry } from "./tar-writer.ts";

const SIGNATURE_MODE = 0o600;

/**
 * Writes the Artifact at `path` with a signature to the output file, which may be the same file. Copies all other
 * members byte for byte. Writes nothing unless the whole Artifact is valid.
 *
 * @param force replaces an existing signature
 * @throws {AgentError} ARTIFACT_ALREADY_SIGNED, OUTPUT_FAILED, and the codes of `openArtifact` and of the key; the
 * signal's reason
 */
export async function signArtifact(
  path: string,
  write: WriteOutput,
  key: SigningKey,
  force: boolean,
  signal: AbortSignal,
): Promise<void> {
  // The Artifact is read three times.
  if (isPipe(path)) throw new AgentError("ARTIFACT_READ", { path, reason: "a named pipe can be read only once" });
  await namingFile(path, signal, () => validate(path, force, signal));
  await withFile(path, async (input) => {
    const { manifest, manifestEnd, signatureEnd } = await findPlaces(input);
    const signature = entryOf("manifest.sig", SIGNATURE_MODE, await signManifest(manifest, key, signal));
    await write(async (output) => {
      await copyRange(input, output, 0, manifestEnd, signal);
      for await (const chunk of tarEntry(signature)) await output.write(chunk);
      await copyRange(input, output, signatureEnd, Number.POSITIVE_INFINITY, signal);
    });
  });
}

async function validate(path: string, force: boolean, signal: AbortSignal): Promise<void> {
  const reader = await openArtifact(await openArtifactFile(path, signal));
  try {
    if (reader.info.signature.present && !force) throw new AgentError("ARTIFACT_ALREADY_SIGNED", { path });
    await reader.finish();
  } finally {
    await reader.close();
  }
}

/**
 * Adds the file's path to every failure to read it as an Artifact, which only says where in the Artifact it happened.
 */
export async function namingFile<T>(path: string, signal: AbortSignal, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (signal.aborted || !(error instanceof AgentError) || "path" in error.detail) throw error;
    throw new AgentError(error.code, { path, ...error.detail }, error.cause);
  }
}

/**
 * Opens a file to be read as an Artifact.
 *
 * @param onBytes called with the number of bytes of each read
 * @throws {AgentError} ARTIFACT_READ
 */
export async function openArtifactFile(
  path: string,
  signal: AbortSignal,
  onBytes: OnBytes = () => undefined,
): Promise<ByteSource> {
  const source = await openFileSource(path, signal).catch((cause: unknown) => {
    throw new AgentError("ARTIFACT_READ", { path }, cause);
  });
  return {
    async read(into) {
      signal.throwIfAborted();
      const count = await source.read(into);
      onBytes(count);
      return count;
    },
    close: () => source.close(),
  };
}
