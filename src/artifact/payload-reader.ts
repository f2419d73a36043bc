import { AgentError } from "../errors/agent-error.ts";
import type { PayloadFile, PayloadStream } from "../ports/payload-handler.ts";
import type { MaybePromise } from "../util/byte-source.ts";
import type { RestartPoints } from "./compression/restart-points.ts";
import type { CountedSource } from "./counted-source.ts";
import { DeferredHash } from "./deferred-hash.ts";
import type { ArtifactLimits } from "./limits.ts";
import type { ManifestFile } from "./model.ts";
import type { PayloadPosition } from "./payload-position.ts";
import { checkDataFileName } from "./tar/member-name.ts";
import { type TarMember, TarScanner } from "./tar/scanner.ts";

const SCRATCH_BYTES = 64 * 1024;

/** Lets a later run resume in the middle of a file. */
export interface Checkpointing {
  /** Restart points of the payload's data, which begin at `headBytes` of the Artifact. */
  readonly starts: RestartPoints;
  readonly headBytes: number;
  keep(position: PayloadPosition): Promise<void>;
}

export interface PayloadReaderOptions {
  /** Position of an earlier run: `tar` must stand after the bytes that it has stored. */
  readonly resumed?: PayloadPosition | undefined;
  readonly checkpointing?: Checkpointing | undefined;
}

/** The files of one data tar, each verified against the manifest as it is read. */
export class PayloadReader implements PayloadStream {
  /** Index of the payload in the Artifact. */
  readonly index: number;
  readonly #tar: TarScanner;
  readonly #label: string;
  readonly #limits: ArtifactLimits;
  readonly #awaited: Map<string, ManifestFile>;
  readonly #plain: CountedSource;
  readonly #checkpointing: Checkpointing | undefined;
  #resumed: PayloadPosition | undefined;
  readonly #seen = new Set<string>();
  #current: VerifiedFile | undefined;
  #ended = false;

  /**
   * @param tar the decompressed data tar
   * @param label name of the data member, for errors
   */
  constructor(
    index: number,
    tar: CountedSource,
    label: string,
    files: readonly ManifestFile[],
    limits: ArtifactLimits,
    { resumed, checkpointing }: PayloadReaderOptions = {},
  ) {
    this.index = index;
    this.#plain = tar;
    this.#resumed = resumed;
    this.#checkpointing = checkpointing;
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
    const resumed = this.#resumed;
    this.#resumed = undefined;
    const member = resumed === undefined ? await this.#tar.next() : this.#continued(resumed);
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
    this.#current = new VerifiedFile(this.#tar, file, member, {
      storedBytes: resumed?.storedBytes ?? 0,
      keep: this.#keeperOf(member, resumed?.fileByte ?? this.#plain.offset),
    });
    return this.#current;
  }

  #continued({ fileName: name, fileBytes: sizeBytes, storedBytes }: PayloadPosition): TarMember {
    this.#tar.continueMember(sizeBytes, storedBytes);
    return { name, sizeBytes };
  }

  /** Only for the first file: a position cannot express what was stored of earlier files. */
  #keeperOf({ name, sizeBytes }: TarMember, fileByte: number): ((storedBytes: number) => Promise<void>) | undefined {
    const checkpointing = this.#checkpointing;
    if (checkpointing === undefined || this.#seen.size > 1) return undefined;
    const { starts, headBytes, keep } = checkpointing;
    return async (storedBytes) => {
      const start = starts.lastBefore(fileByte + storedBytes);
      if (start === undefined) return;
      const artifactByte = headBytes + start.packedByte;
      const file = { fileByte, fileName: name, fileBytes: sizeBytes, storedBytes };
      await keep({ headBytes, artifactByte, plainByte: start.plainByte, ...file });
    };
  }

  /** Reads and verifies the rest. */
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
  readonly modified: number | undefined;
  readonly storedBytes: number;
  readonly keep?: (storedBytes: number) => Promise<void>;
  readonly #tar: TarScanner;
  readonly #hash = new DeferredHash();
  #restored = 0;
  #left: number;
  #verified = false;
  #failure: AgentError | undefined;

  constructor(
    tar: TarScanner,
    file: ManifestFile,
    { sizeBytes, modified }: TarMember,
    { storedBytes, keep }: { storedBytes: number; keep: ((storedBytes: number) => Promise<void>) | undefined },
  ) {
    this.#tar = tar;
    this.name = file.name;
    this.sha256 = file.sha256;
    this.sizeBytes = sizeBytes;
    this.modified = modified;
    this.storedBytes = storedBytes;
    if (keep !== undefined) this.keep = keep;
    this.#left = sizeBytes - storedBytes;
  }

  restore(stored: Uint8Array): void {
    this.#hash.add(stored);
    this.#hash.takeIn();
    this.#restored += stored.length;
  }

  read(into: Uint8Array): MaybePromise<number> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#restored !== this.storedBytes) throw new TypeError("what is stored of the file was not restored");
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

  /** Returns the last bytes only if the checksum matches, so that a caller that counts bytes need not read the end. */
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
