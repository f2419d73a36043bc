import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rename } from "node:fs/promises";
import { join } from "node:path";
import { inject } from "vitest";
import { bundleServer, SERVER } from "../../../scripts/lib/server-bundle.ts";

export interface Ended {
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** The part of standard output that `pattern` groups, as soon as it is there. Fails if the program ends before. */
  said(pattern: RegExp): Promise<string>;
  /** All that it has printed so far. */
  heard(): string;
}

/** `switchback-server` as shipped, built from the current sources. */
export class BuiltServer {
  readonly path: string;

  /** Builds it once for all files of a test run. */
  static async build(): Promise<BuiltServer> {
    const shared = inject("shared");
    const folder = join(shared, "server");
    if (!existsSync(folder)) {
      await mkdir(shared, { recursive: true });
      const made = await mkdtemp(join(shared, "building-"));
      await bundleServer(made);
      await chmod(made, 0o755);
      // If another file built it at the same time and came first, that build is the same.
      await rename(made, folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
      });
    }
    return new BuiltServer(join(folder, SERVER));
  }

  /** Another build of it, in a folder of its own. */
  static at(folder: string): BuiltServer {
    return new BuiltServer(join(folder, SERVER));
  }

  private constructor(path: string) {
    this.path = path;
  }

  start(...argv: readonly string[]): Running {
    return this.startWith({}, ...argv);
  }

  /** Starts it with more variables in its environment. */
  startWith(environment: Readonly<Record<string, string>>, ...argv: readonly string[]): Running {
    const env = { ...process.env, ...environment };
    const child = spawn(process.execPath, [this.path, ...argv], { stdio: ["ignore", "pipe", "pipe"], env });
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      err += chunk.toString();
    });
    const ended = once(child, "close").then(([exitCode]) => ({ exitCode: exitCode as number | null, out, err }));
    const said = async (pattern: RegExp): Promise<string> => {
      for (;;) {
        const found = pattern.exec(out)?.[1];
        if (found !== undefined) return found;
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended: ${out}${err}`);
        await Promise.race([once(child.stdout, "data"), ended]);
      }
    };
    return { child, ended, said, heard: () => out + err };
  }
}
