import { createHash } from "node:crypto";
import { AgentError } from "../errors/agent-error.ts";
import type { ByteSource, MaybePromise } from "../util/byte-source.ts";
import { decompress } from "./compression/decompress.ts";
import type { CompressionFormat } from "./compression/formats.ts";
import { CountedSource } from "./counted-source.ts";
import { type HeaderContent, readHeader } from "./header.ts";
import { HeaderMembers, type HeaderTakers } from "./header-archive.ts";
import type { ArtifactLimits } from "./limits.ts";
import type { Manifest } from "./manifest.ts";
import type { OuterMembers } from "./outer-members.ts";

const SCRATCH_BYTES = 64 * 1024;

export interface HeaderOptions {
  readonly format: CompressionFormat;
  readonly version: 2 | 3;
  readonly limits: ArtifactLimits;
  readonly takers: HeaderTakers;
}

/**
 * Decompresses and reads the header as a stream, with constant memory. The manifest's checksum covers the whole member:
 * what `takers` received is verified only when this resolves.
 *
 * @throws {AgentError} the codes of `readHeader` and `HeaderMembers`, ARTIFACT_COMPRESSED_DATA, DECOMPRESSOR_MISSING;
 * instead of these, ARTIFACT_CHECKSUM if the bytes do not match the manifest; the errors of `takers`
 */
export async function readHeaderMember(
  members: OuterMembers,
  manifest: Manifest,
  { format, version, limits, takers }: HeaderOptions,
): Promise<HeaderContent> {
  const { name, sha256: expected } = manifest.header;
  await members.begin(name, limits.headerBytes);
  const packed = new HashedMember(members);
  let content: HeaderContent | undefined;
  let fault: AgentError | undefined;
  try {
    const source = await decompress(packed, format);
    try {
      const unpacked = new CountedSource(source, () => {
        if (unpacked.offset > limits.headerBytes)
          throw new AgentError("ARTIFACT_LIMIT", { part: "unpacked header", maxBytes: limits.headerBytes });
      });
      content = await readHeader(new HeaderMembers(unpacked, limits, takers), version, manifest);
    } finally {
      await source.close();
    }
  } catch (error) {
    if (!(error instanceof AgentError) || !error.code.startsWith("ARTIFACT_")) throw error;
    fault = error;
  }
  const actual = await packed.digest();
  // If the bytes were damaged in transit, report that instead of a fault of the Artifact.
  if (actual !== expected) throw new AgentError("ARTIFACT_CHECKSUM", { file: name, expected, actual });
  if (content === undefined) throw fault;
  return content;
}

/** The current member of an Artifact, hashed as it is read. Closing it leaves the Artifact open. */
class HashedMember implements ByteSource {
  readonly #members: OuterMembers;
  readonly #hash = createHash("sha256");
  /** A stopped decompressor may still be waiting for this read. */
  #reading: MaybePromise<number> = 0;

  constructor(members: OuterMembers) {
    this.#members = members;
  }

  read(into: Uint8Array): MaybePromise<number> {
    const took = (count: number): number => {
      this.#hash.update(into.subarray(0, count));
      return count;
    };
    const got = this.#members.scanner.read(into);
    this.#reading = typeof got === "number" ? took(got) : got.then(took);
    return this.#reading;
  }

  async close(): Promise<void> {}

  /** Lower-case hex digest of the whole member. Reads the rest of it first. */
  async digest(): Promise<string> {
    await this.#reading;
    const scratch = Buffer.allocUnsafe(SCRATCH_BYTES);
    while ((await this.read(scratch)) > 0);
    return this.#hash.digest("hex");
  }
}
