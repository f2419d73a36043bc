import { closeSync, openSync, readSync } from "node:fs";
import type { EnvironmentWatcher } from "./device.ts";

const LOOK_MS = 1;
/** Checksum and flags come first, and a copy is written from its beginning. */
const HEAD_BYTES = 512;

/** Looks at U-Boot's environment on a disk from outside, while the machine runs, and sees its copies change. */
export class EnvironmentWatch implements EnvironmentWatcher {
  readonly #file: number;
  readonly #offsets: readonly number[];
  readonly #heads: Buffer[];
  readonly #timer: NodeJS.Timeout;
  readonly #waiting: { readonly count: number; wake(): void }[] = [];
  #written = 0;

  static start(disk: string, offsets: readonly number[]): EnvironmentWatch {
    return new EnvironmentWatch(disk, offsets);
  }

  private constructor(disk: string, offsets: readonly number[]) {
    this.#file = openSync(disk, "r");
    this.#offsets = offsets;
    this.#heads = offsets.map((offset) => this.#head(offset));
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Resolves as soon as so many copies have begun to be written. */
  written(count: number): Promise<void> {
    return new Promise((wake) => {
      this.#waiting.push({ count, wake });
    });
  }

  /** @returns how many copies have been written */
  stop(): number {
    clearInterval(this.#timer);
    closeSync(this.#file);
    return this.#written;
  }

  #look(): void {
    for (const [index, offset] of this.#offsets.entries()) {
      const head = this.#head(offset);
      if (this.#heads[index]?.equals(head) === true) continue;
      this.#heads[index] = head;
      this.#written++;
    }
    for (const { count, wake } of this.#waiting) if (this.#written >= count) wake();
  }

  #head(offset: number): Buffer {
    const head = Buffer.alloc(HEAD_BYTES);
    readSync(this.#file, head, 0, HEAD_BYTES, offset);
    return head;
  }
}
