import { createWriteStream, type WriteStream } from "node:fs";
import type { Writable } from "node:stream";

const KEPT = 200_000;
const SHOWN_LINES = 15;

/** The output of a machine: it goes to a log file, and can be searched and awaited. */
export class Console {
  readonly #log: WriteStream;
  #echo: Writable | undefined;
  #text = "";
  /** Number of characters already dropped from `#text`. */
  #dropped = 0;
  #wake: (() => void)[] = [];

  constructor(logPath: string) {
    this.#log = createWriteStream(logPath, { flags: "a" });
  }

  /** From now on, also copies all output to `out`. */
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

  /** The current position; `find` ignores output before a mark. */
  mark(): number {
    return this.#dropped + this.#text.length;
  }

  /** The first match after `mark` in the output so far. */
  find(pattern: RegExp, mark: number): RegExpExecArray | undefined {
    return pattern.exec(this.#text.slice(Math.max(0, mark - this.#dropped))) ?? undefined;
  }

  /** Resolves at the next output, or after `ms`. */
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
