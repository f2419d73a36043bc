import { AgentError } from "../errors/agent-error.ts";
import type { ByteSource, MaybePromise } from "../util/byte-source.ts";
import { JsonCheck } from "./json-check.ts";
import type { ArtifactLimits } from "./limits.ts";
import { holdMetaData, type StoreMetaData } from "./meta-data.ts";
import type { MetaData } from "./model.ts";
import { isArtifactScriptName } from "./script-name.ts";
import { type TarMember, TarScanner } from "./tar/scanner.ts";

/**
 * Stores a state script; must call `read` until it returns 0. The header is verified only after all of it has been
 * read: the stored script must not be used before.
 */
export type StoreScript = (name: string, read: (into: Uint8Array) => MaybePromise<number>) => Promise<void>;

/**
 * Store the parts of a header that do not stay in memory. If absent, scripts are skipped and meta-data stays in memory.
 */
export interface HeaderTakers {
  readonly storeScript?: StoreScript | undefined;
  readonly storeMetaData?: StoreMetaData | undefined;
}

/**
 * The regular files of an unpacked header.tar, in order; directories are skipped. Uses the same scanner as payloads:
 * the header must not mean one thing here and another to a more lenient reader. Documents are read into memory, up to
 * `limits.documentsBytes` together; scripts are not, and `takers` decide about meta-data.
 *
 * Each method throws ARTIFACT_TAR_HEADER, ARTIFACT_TRUNCATED, ARTIFACT_TRAILING_DATA, ARTIFACT_MEMBER_NAME,
 * ARTIFACT_MEMBER_TYPE, ARTIFACT_MEMBER_DUPLICATE, ARTIFACT_LIMIT.
 */
export class HeaderMembers {
  readonly #scanner: TarScanner;
  readonly #limits: ArtifactLimits;
  readonly #takers: HeaderTakers;
  readonly #seen = new Set<string>();
  #next: TarMember | undefined;
  #peeked = false;
  #documentsBytes = 0;

  constructor(source: ByteSource, limits: ArtifactLimits, takers: HeaderTakers) {
    this.#scanner = new TarScanner(source, "header", limits);
    this.#limits = limits;
    this.#takers = takers;
  }

  /** The document `name`; `undefined` if the next member is another one. */
  async take(name: string): Promise<Uint8Array | undefined> {
    const sizeBytes = await this.#begin(name);
    if (sizeBytes === undefined) return undefined;
    const content = new Uint8Array(sizeBytes);
    for (let at = 0; at < content.length; ) at += await this.#scanner.read(content.subarray(at));
    return content;
  }

  /** Stores and checks the meta-data `name`; `undefined` if it is empty or missing. @throws ARTIFACT_HEADER */
  async takeMetaData(name: string): Promise<MetaData | undefined> {
    const sizeBytes = (await this.#begin(name)) ?? 0;
    if (sizeBytes === 0) return undefined;
    const check = new JsonCheck(name);
    const { storeMetaData = holdMetaData } = this.#takers;
    const metaData = await storeMetaData(sizeBytes, async (into) => {
      const count = await this.#scanner.read(into);
      check.push(into.subarray(0, count));
      return count;
    });
    if (check.end()) return metaData;
    throw new AgentError("ARTIFACT_HEADER", { member: name, reason: "the document: must be an object" });
  }

  /** @returns the size of the document `name` if it is the next member */
  async #begin(name: string): Promise<number | undefined> {
    const member = await this.#peek();
    if (member?.name !== name) return undefined;
    this.#peeked = false;
    this.#documentsBytes += member.sizeBytes;
    for (const [part, bytes, maxBytes] of [
      [name, member.sizeBytes, this.#limits.documentBytes],
      ["documents of the header", this.#documentsBytes, this.#limits.documentsBytes],
    ] as const) {
      if (bytes > maxBytes) throw new AgentError("ARTIFACT_LIMIT", { part, maxBytes });
    }
    return member.sizeBytes;
  }

  /** @throws {AgentError} ARTIFACT_MEMBER_MISSING, ARTIFACT_MEMBER_UNEXPECTED */
  async expect(name: string): Promise<Uint8Array> {
    const content = await this.take(name);
    if (content !== undefined) return content;
    const found = await this.#peek();
    if (found === undefined) throw new AgentError("ARTIFACT_MEMBER_MISSING", { in: "header", name });
    throw new AgentError("ARTIFACT_MEMBER_UNEXPECTED", { in: "header", name: found.name, expected: name });
  }

  /**
   * Stores the next state script; `undefined` if the next member is none. @throws {AgentError}
   * ARTIFACT_MEMBER_UNEXPECTED
   */
  async takeScript(): Promise<string | undefined> {
    const member = await this.#peek();
    if (member === undefined || !member.name.startsWith("scripts/")) return undefined;
    const name = member.name.slice("scripts/".length);
    if (!isArtifactScriptName(name)) {
      throw new AgentError("ARTIFACT_MEMBER_UNEXPECTED", {
        in: "header",
        name: member.name,
        expected: "a state script",
      });
    }
    const { headerBytes: maxBytes } = this.#limits;
    if (member.sizeBytes > maxBytes) throw new AgentError("ARTIFACT_LIMIT", { part: member.name, maxBytes });
    this.#peeked = false;
    await this.#takers.storeScript?.(name, (into) => this.#scanner.read(into));
    return name;
  }

  /** @throws {AgentError} ARTIFACT_MEMBER_UNEXPECTED */
  async expectEnd(): Promise<void> {
    const member = await this.#peek();
    if (member !== undefined) throw new AgentError("ARTIFACT_MEMBER_UNEXPECTED", { in: "header", name: member.name });
    await this.#scanner.expectZeros(this.#limits.paddingBytes);
  }

  async #peek(): Promise<TarMember | undefined> {
    if (this.#peeked) return this.#next;
    this.#next = await this.#scanner.next();
    this.#peeked = true;
    if (this.#next === undefined) return undefined;
    const { name } = this.#next;
    if (this.#seen.has(name)) throw new AgentError("ARTIFACT_MEMBER_DUPLICATE", { in: "header", name });
    this.#seen.add(name);
    return this.#next;
  }
}
