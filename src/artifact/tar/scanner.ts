import { AgentError } from "../../errors/agent-error.ts";
import { type ByteSource, type MaybePromise, readFully } from "../../util/byte-source.ts";
import type { ArtifactLimits } from "../limits.ts";
import { BLOCK_BYTES, parseHeaderBlock, type TarHeader } from "./header-block.ts";
import { checkMemberName, decodeMemberName } from "./member-name.ts";
import { parsePax } from "./pax.ts";

/** A regular file of a tar. */
export interface TarMember {
  readonly name: string;
  readonly sizeBytes: number;
  /** Time of the last change, in seconds since 1970. */
  readonly modified?: number;
}

/** Largest PAX or GNU long-name header: large enough for the extended attributes of a repacked file. */
const MAX_EXTENSION_BYTES = 256 * 1024;
const SCRATCH_BYTES = 64 * 1024;

/**
 * Parses a tar without buffering it: between two headers, `read` passes the caller's own buffer to the source, so that
 * payload bytes are not copied. Strict: accepts only regular files, skips directories, checks names, and requires both
 * zero blocks at the end.
 *
 * @see POSIX pax (ustar, typeflags x and g), GNU tar (typeflags L and K, base-256 sizes)
 */
export class TarScanner {
  readonly #source: ByteSource;
  readonly #label: string;
  readonly #maxMembers: number;
  readonly #block = Buffer.alloc(BLOCK_BYTES);
  #left = 0;
  #padding = 0;
  #members = 0;
  #ended = false;

  /** @param label name of the archive, for errors */
  constructor(source: ByteSource, label: string, limits: ArtifactLimits) {
    this.#source = source;
    this.#label = label;
    this.#maxMembers = limits.members;
  }

  /**
   * The next regular file; `undefined` at the end. Skips the unread rest of the previous one.
   *
   * @throws {AgentError} ARTIFACT_TRUNCATED, ARTIFACT_TAR_HEADER, ARTIFACT_MEMBER_NAME, ARTIFACT_MEMBER_TYPE,
   * ARTIFACT_LIMIT, ARTIFACT_TRAILING_DATA
   */
  async next(): Promise<TarMember | undefined> {
    if (this.#ended) return undefined;
    await this.#skip();
    let longName: string | undefined;
    let paxName: string | undefined;
    let paxSize: number | undefined;
    let extended = false;
    for (;;) {
      const header = await this.#header();
      if (header === undefined) {
        if (extended)
          throw new AgentError("ARTIFACT_TAR_HEADER", { in: this.#label, reason: "extension without member" });
        await this.#secondZeroBlock();
        this.#ended = true;
        return undefined;
      }
      switch (header.type) {
        case "x": {
          const pax = parsePax(await this.#extension(header));
          paxName = pax.name ?? paxName;
          paxSize = pax.size ?? paxSize;
          extended = true;
          continue;
        }
        case "g": {
          const pax = parsePax(await this.#extension(header));
          if (pax.name !== undefined || pax.size !== undefined) {
            throw new AgentError("ARTIFACT_TAR_HEADER", { in: this.#label, reason: "global name or size" });
          }
          continue;
        }
        case "L":
          longName = trimNul((await this.#extension(header)).toString("latin1"));
          extended = true;
          continue;
        case "K":
          await this.#extension(header);
          extended = true;
          continue;
      }
      const name = decodeMemberName(paxName ?? longName ?? header.name);
      const sizeBytes = paxSize ?? header.size;
      checkMemberName(name);
      if (header.type === "5" && sizeBytes === 0) {
        longName = paxName = paxSize = undefined;
        extended = false;
        continue;
      }
      if (header.type !== "0")
        throw new AgentError("ARTIFACT_MEMBER_TYPE", { in: this.#label, name, type: header.type });
      this.#begin(sizeBytes);
      return { name, sizeBytes, modified: header.modified };
    }
  }

  /** Bytes of the current member, 0 after its last. @throws {AgentError} ARTIFACT_TRUNCATED */
  read(into: Uint8Array): MaybePromise<number> {
    if (this.#left === 0) return 0;
    const got = this.#source.read(into.length > this.#left ? into.subarray(0, this.#left) : into);
    return typeof got === "number" ? this.#took(got) : got.then((count) => this.#took(count));
  }

  /**
   * Checks that after the last member only zeros follow, at most `maxBytes`.
   *
   * @throws {AgentError} ARTIFACT_TRAILING_DATA, ARTIFACT_LIMIT
   */
  async expectZeros(maxBytes: number): Promise<void> {
    const scratch = Buffer.allocUnsafe(SCRATCH_BYTES);
    let seen = 0;
    for (;;) {
      const count = await this.#source.read(scratch);
      if (count === 0) return;
      if (!isZero(scratch.subarray(0, count))) throw new AgentError("ARTIFACT_TRAILING_DATA", { in: this.#label });
      seen += count;
      if (seen > maxBytes) throw new AgentError("ARTIFACT_LIMIT", { part: `padding of ${this.#label}`, maxBytes });
    }
  }

  /**
   * Records that the source has skipped this many bytes of the current member. @throws {AgentError} ARTIFACT_TRUNCATED
   */
  passOver(bytes: number): void {
    if (bytes < 0 || bytes > this.#left) throw this.#truncated();
    this.#left -= bytes;
  }

  /** Starts within a member whose header the source has already passed, after `passedBytes` of its `sizeBytes`. */
  continueMember(sizeBytes: number, passedBytes: number): void {
    this.#begin(sizeBytes);
    this.passOver(passedBytes);
  }

  #begin(sizeBytes: number): void {
    this.#left = sizeBytes;
    this.#padding = (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
  }

  #took(count: number): number {
    if (count === 0) throw this.#truncated();
    this.#left -= count;
    return count;
  }

  #truncated(): AgentError {
    return new AgentError("ARTIFACT_TRUNCATED", { in: this.#label });
  }

  async #skip(): Promise<void> {
    if (this.#left > 0) {
      const scratch = Buffer.allocUnsafe(SCRATCH_BYTES);
      while (this.#left > 0) await this.read(scratch);
    }
    const padding = this.#block.subarray(0, this.#padding);
    this.#padding = 0;
    if ((await readFully(this.#source, padding)) < padding.length) throw this.#truncated();
    // Every writer pads with zeros, and no checksum or signature covers these bytes.
    if (!isZero(padding)) throw new AgentError("ARTIFACT_TAR_HEADER", { in: this.#label, reason: "padding" });
  }

  async #header(): Promise<TarHeader | undefined> {
    if ((await readFully(this.#source, this.#block)) < BLOCK_BYTES) throw this.#truncated();
    const header = parseHeaderBlock(this.#block);
    this.#members += 1;
    if (this.#members > this.#maxMembers) {
      throw new AgentError("ARTIFACT_LIMIT", { part: `members of ${this.#label}`, max: this.#maxMembers });
    }
    return header;
  }

  async #extension(header: TarHeader): Promise<Buffer> {
    if (header.size > MAX_EXTENSION_BYTES) {
      throw new AgentError("ARTIFACT_LIMIT", {
        part: `extension header in ${this.#label}`,
        maxBytes: MAX_EXTENSION_BYTES,
      });
    }
    const content = Buffer.alloc(header.size);
    this.#begin(header.size);
    for (let filled = 0; filled < content.length; ) filled += await this.read(content.subarray(filled));
    await this.#skip();
    return content;
  }

  async #secondZeroBlock(): Promise<void> {
    if ((await readFully(this.#source, this.#block)) < BLOCK_BYTES) throw this.#truncated();
    if (!isZero(this.#block)) throw new AgentError("ARTIFACT_TRAILING_DATA", { in: this.#label });
  }
}

const ZEROS = Buffer.alloc(SCRATCH_BYTES);

function isZero(bytes: Buffer): boolean {
  return bytes.equals(ZEROS.subarray(0, bytes.length));
}

/** GNU writes one NUL after a long name. Any other NUL stays, so that the name check finds it. */
function trimNul(text: string): string {
  return text.endsWith("\0") ? text.slice(0, -1) : text;
}
