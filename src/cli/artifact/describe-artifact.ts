import type { ArtifactInfo, SignatureStatus } from "../../artifact/model.ts";
import { openArtifact, type ReaderOptions } from "../../artifact/reader.ts";
import { namingFile, openArtifactFile } from "../../artifact/sign-artifact.ts";
import type { VerificationKey } from "../../artifact/signature.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { ByteSource } from "../../util/byte-source.ts";

/** An Artifact that was read and verified completely. */
export interface InspectedArtifact {
  readonly info: ArtifactInfo;
  /** The files of each payload, in the Artifact's order. */
  readonly files: readonly (readonly InspectedFile[])[];
}

export interface InspectedFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** In seconds since 1970. */
  readonly modified: number;
}

/**
 * Reads a whole Artifact.
 *
 * @param keys if there is at least one, the Artifact must be signed with one of them
 * @throws {AgentError} the codes of `openArtifact` and its result; the signal's reason
 */
export function inspectArtifact(
  path: string,
  keys: readonly VerificationKey[],
  onBytes: (count: number) => void,
  signal: AbortSignal,
): Promise<InspectedArtifact> {
  return namingFile(path, signal, () => inspect(path, keys, onBytes, signal));
}

async function inspect(
  path: string,
  keys: readonly VerificationKey[],
  onBytes: (count: number) => void,
  signal: AbortSignal,
): Promise<InspectedArtifact> {
  const options: ReaderOptions = { verifyKeys: keys, allowVersion2: true };
  const reader = await openArtifact(counted(await openArtifactFile(path, signal), onBytes), options);
  try {
    const files: InspectedFile[][] = [];
    for (let payload = await reader.nextPayload(); payload !== undefined; payload = await reader.nextPayload()) {
      const found: InspectedFile[] = [];
      for (let file = await payload.next(); file !== undefined; file = await payload.next()) {
        const { name, sizeBytes, sha256, modified = 0 } = file;
        found.push({ name, sizeBytes, sha256, modified });
      }
      files.push(found);
    }
    await reader.finish();
    return { info: reader.info, files };
  } finally {
    await reader.close();
  }
}

/** Like `inspectArtifact`, but reports a missing or unverifiable signature in the result instead of throwing. */
export async function inspectForShow(
  path: string,
  keys: readonly VerificationKey[],
  onBytes: (count: number) => void,
  signal: AbortSignal,
): Promise<InspectedArtifact> {
  try {
    return await inspectArtifact(path, keys, onBytes, signal);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    if (error.code !== "ARTIFACT_SIGNATURE" && error.code !== "ARTIFACT_NOT_SIGNED") throw error;
    const { info, files } = await inspectArtifact(path, [], onBytes, signal);
    const signature: SignatureStatus = info.signature.present ? { present: true, valid: false } : { present: false };
    return { info: { ...info, signature }, files };
  }
}

function counted(source: ByteSource, onBytes: (count: number) => void): ByteSource {
  const count = (bytes: number): number => {
    onBytes(bytes);
    return bytes;
  };
  return {
    read(into) {
      const got = source.read(into);
      return typeof got === "number" ? count(got) : got.then(count);
    },
    close: () => source.close(),
  };
}
