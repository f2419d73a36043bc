import { type CipherGCM, createCipheriv, randomBytes } from "node:crypto";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { SlotId } from "../../../src/ports/bootloader.ts";
import type { SlotDevice } from "../../../src/ports/slot-device.ts";

const MIB = 1024 * 1024;
/** How closely a difference is located. */
const PART_BYTES = 4 * MIB;
const ALGORITHM = "aes-128-gcm";
const KEY_BYTES = 16;
/** The same for every part: tags are compared with each other alone and leave this process never. */
const NONCE = new Uint8Array(12);

/**
 * What has been hashed on its way into a slot, to be told from what the slot holds afterwards. The manifest's SHA-256
 * says that the former is what was sent; of the latter it would cost as much again, and most of the time of reading
 * back. So each part of the image gets a tag of 128 bits under a key that is drawn for this one image (GMAC): no
 * storage, broken or malicious, gives back something else with the same tag but by a chance of 1 in 2^110.
 */
export class WrittenImage {
  readonly #key = randomBytes(KEY_BYTES);
  readonly #tags = new Tags(this.#key);
  #bytes = 0;

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
    const read = new Tags(this.#key);
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
  readonly #key: Uint8Array;
  readonly #ended: string[] = [];
  #part: CipherGCM | undefined;
  #partBytes = 0;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  add(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      this.#part ??= createCipheriv(ALGORITHM, this.#key, NONCE);
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
