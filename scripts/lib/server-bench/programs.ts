import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Load, Measured } from "../../bench-generator.ts";

/**
 * A program in a session of its own. The kernel shares processors between sessions: in one session with the generator, a
 * program would get the more, the less the other takes.
 */
export class Program {
  readonly #child: ChildProcess;
  #out = "";

  constructor(argv: readonly string[]) {
    this.#child = spawn(process.execPath, [...argv], { detached: true, stdio: ["ignore", "pipe", "inherit"] });
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.#out += chunk.toString();
    });
  }

  /** Waits until standard output has it. @returns the first group */
  async said(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.#out);
      if (found !== null) return found[1] ?? "";
      if (this.#child.exitCode !== null) throw new Error(`the program ended: ${this.#out}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
  }
}

/** Measures what a server answers to a load. */
export async function measure(load: Load): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), "switchback-bench-"));
  const file = join(folder, "load.json");
  await writeFile(file, JSON.stringify(load));
  const generator = new Program(["scripts/run.mjs", "bench-generator", file]);
  const text = await generator.said(/^(\{.*\})$/m);
  await generator.stop();
  await rm(folder, { recursive: true });
  return JSON.parse(text) as Measured;
}
