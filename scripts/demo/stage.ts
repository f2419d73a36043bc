import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";

/** The demonstration did not show what it should. */
export class DemoFailure extends Error {
  override toString(): string {
    return this.message;
  }
}

export type Program = "switchback" | "switchback-server" | "switchback-fleet";

export interface Said {
  readonly status: number;
  readonly out: string;
}

const FILES: Readonly<Record<Program, string>> = {
  switchback: "switchback.mjs",
  "switchback-server": "server/switchback-server.mjs",
  "switchback-fleet": "fleet/switchback-fleet.mjs",
};

/** Where a demonstration plays: its folder, the programs, and everything that it has started. */
export class Stage {
  readonly dir: string;
  readonly #programs: string;
  readonly #controller = new AbortController();
  readonly #started = new Set<ChildProcess>();
  readonly #ends: (() => Promise<unknown>)[] = [];

  constructor(dir: string, programs: string) {
    this.dir = dir;
    this.#programs = programs;
  }

  /** Aborted once somebody ends the demonstration. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  interrupt(): void {
    this.#controller.abort();
  }

  /** Ends the demonstration for a reason that a command in the background has met. */
  fail(reason: string): void {
    this.#controller.abort(new DemoFailure(reason));
  }

  file(...names: readonly string[]): string {
    return join(this.dir, ...names);
  }

  /** The file of a program, as one types it in the current folder. */
  pathOf(program: Program): string {
    return relative(process.cwd(), join(this.#programs, FILES[program]));
  }

  say(text: string): void {
    process.stdout.write(`\n${text}\n\n`);
  }

  /** Prints a command and runs it. @throws {DemoFailure} if its exit status is not `expected` */
  async show(program: Program, args: readonly string[], expected = 0, onLine?: (line: string) => void): Promise<Said> {
    // Options that each command repeats hide what it does.
    const shown = args.join(" ").replaceAll(this.dir, "DEMO");
    process.stdout.write(`$ ${program} ${shown.replace(/-c \S+ -d \S+ -l warning /, "")}\n`);
    const { status, out } = await this.run(program, args, (line) => {
      process.stdout.write(`${line}\n`);
      onLine?.(line);
    });
    if (status !== expected)
      throw new DemoFailure(`that ended with exit status ${status}, and ${expected} was expected`);
    return { status, out };
  }

  /** Runs a command to its end. */
  async run(program: Program, args: readonly string[], onLine?: (line: string) => void): Promise<Said> {
    const lines: string[] = [];
    const child = this.start(program, args, (line) => {
      lines.push(line);
      onLine?.(line);
    });
    const [status] = (await once(child, "close")) as [number | null];
    this.signal.throwIfAborted();
    return { status: status ?? 1, out: lines.join("\n") };
  }

  /** Starts a program in a process group of its own: a Ctrl-C on the terminal is for the demonstration alone. */
  start(program: Program, args: readonly string[], onLine: (line: string) => void): ChildProcess {
    this.signal.throwIfAborted();
    const child = spawn(process.execPath, [join(this.#programs, FILES[program]), ...args], {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      // A login must not replace that of the user. And Node reads additional certificates at each start, which takes time.
      env: {
        ...{ ...process.env, NODE_EXTRA_CA_CERTS: "" },
        ...{ XDG_CACHE_HOME: this.file("cache"), XDG_CONFIG_HOME: this.file("config") },
      },
    });
    this.#started.add(child);
    child.once("close", () => this.#started.delete(child));
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", onLine);
    return child;
  }

  /** Something to end before the programs that were started. */
  beforeEnd(end: () => Promise<unknown>): void {
    this.#ends.push(end);
  }

  /** Ends everything that was started, and waits for it. */
  async end(): Promise<void> {
    for (const end of this.#ends) await end();
    await Promise.all(
      [...this.#started].map(async (child) => {
        const closed = once(child, "close");
        child.kill("SIGTERM");
        await closed;
      }),
    );
  }
}
