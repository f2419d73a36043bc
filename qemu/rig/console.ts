import { createWriteStream, type WriteStream } from "node:fs";
import type { Writable } from "node:stream";

const KEPT = 200_000;
const SHOWN_LINES = 15;

/** What a machine has printed: written to a log file, and searched for what is waited for. */
export class Console {
  readonly #log: WriteStream;
  #echo: Writable | undefined;
  #text = "";
  /** Characters that are no longer in `#text`. */
  #dropped = 0;
  #wake: (() => void)[] = [];

  constructor(logPath: string) {
    this.#log = createWriteStream(logPath, { flags: "a" });
  }

  /** From now on shows everything there as well. */
  echo(out: Writable): void {
    this.#echo = out;
  }

  append(chunk: Buffer): void {
    this.#log.write(chunk);
    this.#echo?.write(chunk);
    const all = this.#text + chunk.toString("latin1");
    this.#text = all.slice(-KEPT);
    this.#dropped += all.length - this.#text.length;
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** A place to wait from: only what is printed after it counts. */
  mark(): number {
    return this.#dropped + this.#text.length;
  }

  /** The first match after `mark`, if it has been printed. */
  find(pattern: RegExp, mark: number): RegExpExecArray | undefined {
    return pattern.exec(this.#text.slice(Math.max(0, mark - this.#dropped))) ?? undefined;
  }

  /** Resolves when something more is printed, or after `ms`. */
  more(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  lastLines(): string {
    return this.#text.split("\n").slice(-SHOWN_LINES).join("\n");
  }

  close(): void {
    this.#log.end();
  }
}
