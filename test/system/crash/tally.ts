import { appendFile } from "node:fs/promises";
import type { Recovery } from "./crash-device.ts";

/** Counts the results of the cuts of one kind, and reports them in one line. */
export class Tally {
  readonly #what: string;
  readonly #count = { cuts: 0, resumed: 0, rolledBack: 0, broken: 0 };
  readonly #lost = { blocksKept: 0, blocksLost: 0, renamesUndone: 0, filesTorn: 0 };
  readonly #states: Record<string, number> = {};
  #told: { deployments: number; finals: number; requests: number; troubles: number } | undefined;

  constructor(what: string) {
    this.#what = what;
  }

  /** @throws what `work` throws, with the name of the cut */
  async add(which: string, work: () => Promise<Recovery>): Promise<void> {
    this.#count.cuts++;
    try {
      const { fate, state, loss, told } = await work();
      this.#count[fate]++;
      this.#states[state] = (this.#states[state] ?? 0) + 1;
      for (const key of ["blocksKept", "blocksLost", "renamesUndone", "filesTorn"] as const)
        this.#lost[key] += loss[key];
      if (told === undefined) return;
      this.#told ??= { deployments: 0, finals: 0, requests: 0, troubles: 0 };
      this.#told.deployments++;
      for (const key of ["finals", "requests", "troubles"] as const) this.#told[key] += told[key];
    } catch (cause) {
      this.#count.broken++;
      throw new Error(`${which}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }

  /** Prints one line, and appends the numbers as one JSON object to the file that `SWITCHBACK_CRASH_RESULT` names. */
  async tell(): Promise<void> {
    const { cuts, resumed, rolledBack, broken } = this.#count;
    const { blocksKept, blocksLost, renamesUndone, filesTorn } = this.#lost;
    const lost = `blocks ${blocksLost} lost, ${blocksKept} kept; ${renamesUndone} renames undone, ${filesTorn} files torn`;
    process.stdout.write(
      `${this.#what}: ${cuts} cuts, ${resumed} resumed, ${rolledBack} rolled back, ${broken} broken (unsynced ${lost})\n`,
    );
    const path = process.env["SWITCHBACK_CRASH_RESULT"];
    const told = this.#told;
    if (told !== undefined)
      process.stdout.write(
        `${told.deployments} deployments, ${told.finals} final statuses (each true), ${told.troubles} of ${told.requests} requests answered badly\n`,
      );
    const result = { what: this.#what, ...this.#count, ...this.#lost, states: this.#states, ...(told && { told }) };
    if (path !== undefined) await appendFile(path, `${JSON.stringify(result)}\n`);
  }
}
