import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Load, Measured } from "../../bench-generator.ts";

/** The kernel counts processor time in hundredths of a second. */
const MS_A_TICK = 10;

/**
 * A program in a session of its own. The kernel shares processors between sessions: in one session with the generator, a
 * program would get the more, the less the other takes.
 */
export class Program {
  readonly #child: ChildProcess;
  #out = "";

  /** @param command a program that is not Node */
  constructor(argv: readonly string[], command = process.execPath) {
    this.#child = spawn(command, [...argv], { detached: true, stdio: ["ignore", "pipe", "inherit"] });
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

  /** Waits until something answers at the URL. */
  async answers(url: string): Promise<void> {
    for (;;) {
      if (await fetch(url).catch(() => undefined)) return; // ignored: it does not listen yet.
      if (this.#child.exitCode !== null) throw new Error(`the program ended: ${this.#out}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Processor time of the process so far. */
  async cpuMs(): Promise<number> {
    const stat = await readFile(`/proc/${this.#child.pid}/stat`, "utf8");
    const [user = 0, system = 0] = stat.slice(stat.lastIndexOf(")")).split(" ").slice(12, 14).map(Number);
    return (user + system) * MS_A_TICK;
  }

  /** Memory of the process now, and at most since the last `resetPeak`. */
  async memoryMiB(): Promise<{ readonly now: number; readonly peak: number }> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, "utf8");
    const mib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024;
    return { now: mib("VmRSS"), peak: mib("VmHWM") };
  }

  /** @returns the memory now, in MiB */
  async resetPeak(): Promise<number> {
    await writeFile(`/proc/${this.#child.pid}/clear_refs`, "5");
    return (await this.memoryMiB()).now;
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
