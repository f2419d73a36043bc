import { AgentError } from "../errors/agent-error.ts";
import type { TarScanner } from "./tar/scanner.ts";

/** The members of the outer tar. The next member's name can be peeked before its content is read. */
export class OuterMembers {
  readonly scanner: TarScanner;
  readonly #seen = new Set<string>();
  #next: { readonly name: string; readonly sizeBytes: number } | undefined;
  #peeked = false;

  constructor(scanner: TarScanner) {
    this.scanner = scanner;
  }

  async peek(): Promise<string | undefined> {
    if (!this.#peeked) {
      this.#next = await this.scanner.next();
      this.#peeked = true;
      if (this.#next !== undefined) this.#refuseSecond(this.#next.name);
    }
    return this.#next?.name;
  }

  /** Makes the peeked member the one that `scanner.read` reads. */
  take(): void {
    this.#peeked = false;
  }

  /** @throws {AgentError} ARTIFACT_MEMBER_MISSING, ARTIFACT_MEMBER_UNEXPECTED, ARTIFACT_AUGMENTED */
  async unexpected(expected: string): Promise<AgentError> {
    const name = await this.peek();
    if (name === undefined) return new AgentError("ARTIFACT_MEMBER_MISSING", { in: "artifact", name: expected });
    if (name === "manifest-augment" || name.startsWith("header-augment.tar")) {
      return new AgentError("ARTIFACT_AUGMENTED", { name });
    }
    return new AgentError("ARTIFACT_MEMBER_UNEXPECTED", { in: "artifact", name, expected });
  }

  /** Makes the member `name` the one that `scanner.read` reads; it must be the next one. @returns its size */
  async begin(name: string, maxBytes: number): Promise<number> {
    if ((await this.peek()) !== name) throw await this.unexpected(name);
    const sizeBytes = this.#next?.sizeBytes ?? 0;
    if (sizeBytes > maxBytes) throw new AgentError("ARTIFACT_LIMIT", { part: name, maxBytes });
    this.take();
    return sizeBytes;
  }

  async readWhole(name: string, maxBytes: number): Promise<Buffer> {
    const sizeBytes = await this.begin(name, maxBytes);
    const content = Buffer.alloc(sizeBytes);
    for (let at = 0; at < sizeBytes; ) at += await this.scanner.read(content.subarray(at));
    return content;
  }

  #refuseSecond(name: string): void {
    if (this.#seen.has(name)) throw new AgentError("ARTIFACT_MEMBER_DUPLICATE", { in: "artifact", name });
    this.#seen.add(name);
  }
}
