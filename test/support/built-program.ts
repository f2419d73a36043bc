import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { bundle } from "../../scripts/lib/bundle.ts";
import { madeOnce } from "./made-once.ts";

/** The output and the result of a process. */
export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: readonly string[];
  readonly err: readonly string[];
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** The program as shipped, built from the current sources. */
export class BuiltProgram {
  readonly folder: string;

  /** Builds the program once for all files of a test run. They share it, so no test may change it. */
  static async build(): Promise<BuiltProgram> {
    return new BuiltProgram(await madeOnce("program", bundle));
  }

  private constructor(folder: string) {
    this.folder = folder;
  }

  get path(): string {
    return join(this.folder, "switchback.mjs");
  }

  /** Starts it in its own process group, with a pipe as its standard input. */
  start(...argv: readonly string[]): Started {
    return this.startWith([], ...argv);
  }

  /** Like `start`, with options for Node. */
  startWith(nodeOptions: readonly string[], ...argv: readonly string[]): Started {
    return startProgram(process.execPath, [...nodeOptions, this.path, ...argv]);
  }

  run(...argv: readonly string[]): Promise<Ended> {
    const { child, ended } = this.start(...argv);
    child.stdin?.end();
    return ended;
  }
}

export function startProgram(
  program: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Started {
  const options = { detached: true, env: { ...process.env, ...env } };
  const child = spawn(program, argv, { ...options, stdio: ["pipe", "pipe", "pipe"] });
  const out = textOf(child.stdout);
  const err = textOf(child.stderr);
  // A program that ends before it has read all of its input must not fail the test.
  child.stdin.on("error", () => undefined);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (exitCode, signal) => resolve({ exitCode, signal, out: lines(out()), err: lines(err()) }));
  });
  return { child, ended };
}

function textOf(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}

const lines = (text: string): string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));
