import { type CipherGCM, createCipheriv, getFips, randomBytes } from "node:crypto";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { SlotId } from "../../../src/ports/bootloader.ts";
import type { SlotDevice } from "../../../src/ports/slot-device.ts";

const MIB = 1024 * 1024;
/** How closely a difference is located. */
const PART_BYTES = 4 * MIB;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
/** The same for every part: tags are compared with each other alone and leave this process never. */
const NONCE = new Uint8Array(12);

/** What makes a tag. Nothing is enciphered: the bytes go in as what comes along with a message, authenticated with it. */
const CIPHERS = {
  "chacha20-poly1305": (key: Uint8Array): CipherGCM =>
    createCipheriv("chacha20-poly1305", key, NONCE, { authTagLength: TAG_BYTES }),
  "aes-256-gcm": (key: Uint8Array): CipherGCM => createCipheriv("aes-256-gcm", key, NONCE),
} as const;
export type TagCipher = keyof typeof CIPHERS;

/** The quickest. A Node in FIPS mode has none but the other, which is slow without instructions of its own. */
const bestCipher = (): TagCipher => (getFips() === 1 ? "aes-256-gcm" : "chacha20-poly1305");

/**
 * What has been hashed on its way into a slot, to be told from what the slot holds afterwards. The manifest's SHA-256
 * says that the former is what was sent; of the latter it would cost as much again, and most of the time of reading
 * back. So each part of the image gets a tag of 128 bits under a key that is drawn for this one image (Poly1305): no
 * storage, broken or malicious, gives back something else with the same tag but by a chance of 1 in 2^84.
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

  /** The next bytes of the image. */
  add(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    this.#tags.add(bytes);
  }

  /**
   * Reads the image back out of `slot`. Storage is asked and not believed: a write that was acknowledged may have
   * gone nowhere, or over what was written before, and the boot loader must not be told of such a slot.
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

/** A tag for each part of a stream of bytes, however that is cut into chunks. */
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
