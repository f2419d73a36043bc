import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createChildProcess } from "../../adapters/process/child-process.ts";

const LIMITS = { timeoutMs: 20_000, maxOutputBytes: 64 * 1024 };
const never = new AbortController().signal;

/** A folder in place of a device, on which the scripts that we ship run for real. */
export interface ScriptDevice {
  readonly dir: string;
  /** Writes a file below the folder, with the folders above it. */
  write(path: string, text: string, mode?: number): Promise<void>;
  /** Puts a program of that name before all others. */
  program(name: string, script: string): Promise<void>;
  /** Runs `state-scripts/<path>` with the shell's assignments in its configuration file. */
  run(path: string, config?: string, env?: Readonly<Record<string, string>>): Promise<ScriptRun>;
  remove(): Promise<void>;
}

export interface ScriptRun {
  readonly exitCode: number | undefined;
  readonly said: string;
}

/** @param shell program and arguments that run the scripts; without it they start as the agent starts them */
export async function createScriptDevice(shell: readonly string[] = []): Promise<ScriptDevice> {
  const dir = await mkdtemp(join(tmpdir(), "state-scripts-"));
  const write = async (path: string, text: string, mode = 0o644): Promise<void> => {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text, { mode });
  };
  return {
    dir,
    write,
    program: (name, script) => write(`bin/${name}`, `#!/bin/sh\n${script}\n`, 0o755),
    async run(path, config, env = {}) {
      const name = path.replace(/^.*_[0-9]{2}_/, "");
      if (config !== undefined) await write(`conf/${name}.conf`, `${config}\n`);
      const own = {
        SWITCHBACK_SCRIPT_CONF: join(dir, "conf"),
        dir,
        PATH: `${join(dir, "bin")}:${process.env["PATH"]}`,
      };
      const [program, ...rest] = [...shell, resolve("state-scripts", path)];
      const argv: [string, ...string[]] = [program ?? "", ...rest];
      const child = createChildProcess({ env: { ...process.env, ...own, ...env } });
      const { exitCode, stdout, stderr } = await child.run(argv, { ...LIMITS, cwd: dir }, never);
      return { exitCode, said: stdout + stderr };
    },
    remove: () => rm(dir, { recursive: true }),
  };
}
