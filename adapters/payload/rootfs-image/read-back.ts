import { type CipherGCM, createCipheriv, getFips, randomBytes } from "node:crypto";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { SlotId } from "../../../src/ports/bootloader.ts";
import type { SlotDevice } from "../../../src/ports/slot-device.ts";

const MIB = 1024 * 1024;
/** The precision with which a difference is located. */
const PART_BYTES = 4 * MIB;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
/** A constant suffices: tags are compared only with each other and never leave this process. */
const NONCE = new Uint8Array(12);

/**
 * Ciphers for the tags. They encrypt nothing: the bytes are only authenticated, as additional data of an empty message.
 */
const CIPHERS = {
  "chacha20-poly1305": (key: Uint8Array): CipherGCM =>
    createCipheriv("chacha20-poly1305", key, NONCE, { authTagLength: TAG_BYTES }),
  "aes-256-gcm": (key: Uint8Array): CipherGCM => createCipheriv("aes-256-gcm", key, NONCE),
} as const;
export type TagCipher = keyof typeof CIPHERS;

/** The fastest cipher. Node in FIPS mode only has AES-GCM, which is slow on CPUs without AES instructions. */
const bestCipher = (): TagCipher => (getFips() === 1 ? "aes-256-gcm" : "chacha20-poly1305");

/**
 * Remembers the image on its way into a slot, to compare it with the slot's content afterwards. The manifest's SHA-256
 * proves that the written bytes are the sent ones, but a second SHA-256 would take most of the time of reading back.
 * Instead, each part of the image gets a 128-bit tag under a random key for this image (Poly1305). The chance that
 * other content from storage, broken or malicious, has the same tag is 1 in 2^84.
 */
export class WrittenImage {
  readonly #cipher: TagCipher;
  readonly #key = randomBytes(KEY_BYTES);
  readonly #tags: Tags;
  #bytes = 0;

  constructor(cipher = bestCipher()) {
    this.#cipher = cipher;
    this.#tags = new Tags(cipher, this.#key);
  }

  /** Adds the next bytes of the image. */
  add(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    this.#tags.add(bytes);
  }

  /**
   * Reads the image back from `slot`. An acknowledged write may have been lost or misplaced, and such a slot must never
   * be armed.
   *
   * @throws {AgentError} SLOT_READBACK with the place of the first part that differs, SLOT_IO
   */
  async expectIn(slots: SlotDevice, slot: SlotId, signal: AbortSignal): Promise<void> {
    const read = new Tags(this.#cipher, this.#key);
    for await (const chunk of slots.read(slot, this.#bytes, signal)) read.add(chunk);
    const found = read.end();
    const part = this.#tags.end().findIndex((tag, index) => tag !== found[index]);
    if (part >= 0) {
      const offset = part * PART_BYTES;
      throw new AgentError("SLOT_READBACK", { slot, offset, length: Math.min(PART_BYTES, this.#bytes - offset) });
    }
  }
}

/** A tag for each part of a stream of bytes, independent of its chunks. */
class Tags {
  readonly #cipher: TagCipher;
  readonly #key: Uint8Array;
  readonly #ended: string[] = [];
  #part: CipherGCM | undefined;
  #partBytes = 0;

  constructor(cipher: TagCipher, key: Uint8Array) {
    this.#cipher = cipher;
    this.#key = key;
  }

  add(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      this.#part ??= CIPHERS[this.#cipher](this.#key);
      const piece = bytes.subarray(from, from + PART_BYTES - this.#partBytes);
      this.#part.setAAD(piece);
      from += piece.length;
      this.#partBytes += piece.length;
      if (this.#partBytes === PART_BYTES) this.#endPart(this.#part);
    }
  }

  end(): readonly string[] {
    if (this.#part !== undefined) this.#endPart(this.#part);
    return this.#ended;
  }

  #endPart(part: CipherGCM): void {
    part.final();
    this.#ended.push(part.getAuthTag().toString("latin1"));
    this.#part = undefined;
    this.#partBytes = 0;
  }
}
