import { AgentError } from "../errors/agent-error.ts";
import type { PayloadFile, PayloadStream } from "../ports/payload-handler.ts";
import type { ByteSource, MaybePromise } from "../util/byte-source.ts";
import { DeferredHash } from "./deferred-hash.ts";
import type { ArtifactLimits } from "./limits.ts";
import type { ManifestFile } from "./model.ts";
import { checkDataFileName } from "./tar/member-name.ts";
import { TarScanner } from "./tar/scanner.ts";

const SCRATCH_BYTES = 64 * 1024;

/** The files of one data tar, each verified against the manifest while it streams by. */
export class PayloadReader implements PayloadStream {
  /** Index of the payload in the Artifact. */
  readonly index: number;
  readonly #tar: TarScanner;
  readonly #label: string;
  readonly #limits: ArtifactLimits;
  readonly #awaited: Map<string, ManifestFile>;
  readonly #seen = new Set<string>();
  #current: VerifiedFile | undefined;
  #ended = false;

  /**
   * @param tar unpacked
   * @param label name of the data member, for errors
   */
  constructor(index: number, tar: ByteSource, label: string, files: readonly ManifestFile[], limits: ArtifactLimits) {
    this.index = index;
    this.#tar = new TarScanner(tar, label, limits);
    this.#label = label;
    this.#limits = limits;
    this.#awaited = new Map(files.map((file) => [file.name, file]));
  }

  /**
   * @throws {AgentError} ARTIFACT_MEMBER_MISSING, ARTIFACT_MEMBER_UNEXPECTED, ARTIFACT_MEMBER_DUPLICATE, and
   * the codes of `PayloadFile.read` and `TarScanner.next`
   */
  async next(): Promise<PayloadFile | undefined> {
    if (this.#ended) return undefined;
    await this.#current?.drain();
    this.#current = undefined;
    const member = await this.#tar.next();
    if (member === undefined) {
      await this.#end();
      return undefined;
    }
    checkDataFileName(member.name);
    const file = this.#awaited.get(member.name);
    if (file === undefined) {
      const code = this.#seen.has(member.name) ? "ARTIFACT_MEMBER_DUPLICATE" : "ARTIFACT_MEMBER_UNEXPECTED";
      throw new AgentError(code, { in: this.#label, name: member.name });
    }
    this.#awaited.delete(member.name);
    this.#seen.add(member.name);
    this.#current = new VerifiedFile(this.#tar, file, member.sizeBytes);
    return this.#current;
  }

  /** Reads and verifies what is left. */
  async finish(): Promise<void> {
    while ((await this.next()) !== undefined);
  }

  async #end(): Promise<void> {
    for (const name of this.#awaited.keys()) throw new AgentError("ARTIFACT_MEMBER_MISSING", { in: this.#label, name });
    await this.#tar.expectZeros(this.#limits.paddingBytes);
    this.#ended = true;
  }
}

class VerifiedFile implements PayloadFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly #tar: TarScanner;
  readonly #hash = new DeferredHash();
  #left: number;
  #verified = false;
  #failure: AgentError | undefined;

  constructor(tar: TarScanner, file: ManifestFile, sizeBytes: number) {
    this.#tar = tar;
    this.name = file.name;
    this.sha256 = file.sha256;
    this.sizeBytes = sizeBytes;
    this.#left = sizeBytes;
  }

  read(into: Uint8Array): MaybePromise<number> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#left === 0) {
      this.#verify();
      return 0;
    }
    this.#hash.release(into);
    const got = this.#tar.read(into);
    this.#hash.takeIn();
    return typeof got === "number" ? this.#took(into, got) : got.then((count) => this.#took(into, count));
  }

  async drain(): Promise<void> {
    const scratch = Buffer.allocUnsafe(Math.min(SCRATCH_BYTES, Math.max(1, this.#left)));
    while ((await this.read(scratch)) > 0);
  }

  /** The last bytes come out only when the checksum fits: whoever counts bytes need not ask for the end. */
  #took(into: Uint8Array, count: number): number {
    this.#hash.add(count === into.length ? into : into.subarray(0, count));
    this.#left -= count;
    if (this.#left === 0) this.#verify();
    return count;
  }

  #verify(): void {
    if (this.#verified) return;
    const actual = this.#hash.digest();
    if (actual !== this.sha256) {
      this.#failure = new AgentError("ARTIFACT_CHECKSUM", { file: this.name, expected: this.sha256, actual });
      throw this.#failure;
    }
    this.#verified = true;
  }
}
