import type { CliIo } from "../../src/agent/io.ts";
import { oneLine } from "../../src/cli/one-line.ts";

/** A terminal or a pipe that records its output. */
export class RecordingIo implements CliIo {
  readonly outLines: string[] = [];
  readonly errLines: string[] = [];
  errText = "";
  readonly stderrIsTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly interrupt = new AbortController();
  readonly signal: AbortSignal = this.interrupt.signal;
  /** A person's answers, one line after the other. Without it, there is no terminal. */
  answers: string[] | undefined;
  readonly asked: string[] = [];
  readonly commandLine: readonly string[] = [];
  exitCode = 0;
  #begun = "";

  constructor(stderrIsTerminal = false, env: Readonly<Record<string, string | undefined>> = {}) {
    this.stderrIsTerminal = stderrIsTerminal;
    this.env = env;
  }

  get ask(): ((question: string, isSecret?: boolean) => Promise<string>) | undefined {
    const { answers } = this;
    if (answers === undefined) return undefined;
    return async (question, isSecret = false) => {
      this.asked.push(isSecret ? `${question}(secret)` : question);
      return answers.shift() ?? "";
    };
  }

  out(line: string): void {
    this.outLines.push(this.#begun + oneLine(line));
    this.#begun = "";
  }

  outPart(text: string): void {
    this.#begun += oneLine(text);
  }

  err(line: string): void {
    this.errLines.push(oneLine(line));
  }

  errRaw(text: string): void {
    this.errText += text;
  }
}
