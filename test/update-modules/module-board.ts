import { spawnSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, delimiter, join, relative, resolve } from "node:path";
import type { Random } from "../../qemu/harness/random.ts";

/** The point at which the power fails: before or after the n-th command that the call starts, counted from 1. */
export interface Cut {
  readonly command: number;
  readonly side: "before" | "after";
}

export interface Called {
  /** `undefined`: killed. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Every command that the module started, with its arguments; the board's own path is `@`. */
  readonly commands: readonly string[];
}

interface CallOptions {
  readonly cut?: Cut;
  readonly killAfterMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A folder in which the shipped modules run as the agent calls them: with two arguments, the file tree as working
 * directory, and a separate process group. Their commands are in one folder. Each command is a small script that
 * records the call, cuts the power if the test requests it, and runs the real command.
 */
export class ModuleBoard {
  readonly dir = mkdtempSync("/dev/shm/switchback-module-");
  readonly tree = join(this.dir, "tree");
  readonly #module: string;
  readonly #shell: readonly string[];

  /**
   * @param commands what the module may start; nothing else is found
   * @param toolbox the busybox that is shell and every command, as on a small board
   */
  constructor(module: string, commands: readonly string[], toolbox?: string) {
    this.#module = resolve("update-modules", module);
    this.#shell = toolbox === undefined ? [] : [toolbox, "sh"];
    mkdirSync(join(this.dir, "bin"));
    for (const command of commands) {
      const real = toolbox === undefined ? pathOf(command) : `${toolbox} ${command}`;
      writeFileSync(join(this.dir, "bin", command), wrapper(command, real), { mode: 0o755 });
    }
  }

  /** A new file tree, as after Download. */
  payload(files: Readonly<Record<string, string | Buffer>>, metaData: unknown = null): void {
    rmSync(this.tree, { recursive: true, force: true });
    for (const folder of ["header", "tmp", "files"]) {
      mkdirSync(join(this.tree, folder), { recursive: true, mode: 0o700 });
    }
    writeFileSync(join(this.tree, "version"), "3\n");
    writeFileSync(join(this.tree, "header/payload_type"), basename(this.#module));
    writeFileSync(join(this.tree, "header/meta-data"), JSON.stringify(metaData));
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(this.tree, "files", name), content, { mode: 0o600 });
    }
  }

  call(state: string, { cut, killAfterMs, env = {} }: CallOptions = {}): Called {
    const log = join(this.dir, "commands.log");
    writeFileSync(log, "");
    writeFileSync(join(this.dir, "count"), "0\n");
    // In a separate process group, so that a power cut ends the module and everything that it has started.
    const timer = killAfterMs === undefined ? [] : ["/usr/bin/timeout", "-s", "KILL", String(killAfterMs / 1000)];
    const done = spawnSync("/usr/bin/setsid", [...timer, ...this.#shell, this.#module, state, this.tree], {
      cwd: this.tree,
      encoding: "utf8",
      env: {
        ...process.env,
        PATH: join(this.dir, "bin"),
        BOARD: this.dir,
        CUT: cut === undefined ? "" : `${cut.command} ${cut.side}`,
        ...env,
      },
    });
    if (done.error) throw done.error;
    const commands = readFileSync(log, "utf8").replaceAll(this.dir, "@").split("\n").slice(0, -1);
    // 137: the status of `timeout` itself.
    const exitCode = done.status === null || done.status === 137 ? undefined : done.status;
    return { exitCode, stdout: done.stdout, stderr: done.stderr, commands };
  }

  /** A path on the board. */
  path(...parts: readonly string[]): string {
    return join(this.dir, ...parts);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Everything below a folder, sorted: kind, mode and content. */
export function contentOf(folder: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries.sort((a, b) => (join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1))) {
    const path = join(entry.parentPath, entry.name);
    found[relative(folder, path)] = describe(path, entry.isSymbolicLink(), entry.isDirectory());
  }
  return found;
}

function describe(path: string, isLink: boolean, isFolder: boolean): string {
  if (isLink) return `-> ${readlinkSync(path)}`;
  const mode = (lstatSync(path).mode & 0o7777).toString(8);
  return isFolder ? `folder ${mode}` : `${mode} ${readFileSync(path, "latin1")}`;
}

/** Makes a file or a link, and the folders above it. */
export function place(path: string, content: string | { readonly link: string }, mode = 0o644): void {
  mkdirSync(join(path, ".."), { recursive: true });
  if (typeof content === "string") {
    writeFileSync(path, content);
    chmodSync(path, mode);
  } else symlinkSync(content.link, path);
}

/** Every point at which the power may fail in a call that starts this many commands. */
export function everyCut(commands: number): readonly Cut[] {
  return Array.from({ length: commands }, (_, i) => i + 1).flatMap((command) => [
    { command, side: "before" as const },
    { command, side: "after" as const },
  ]);
}

function pathOf(command: string): string {
  const folder = (process.env["PATH"] ?? "").split(delimiter).find((dir) => readdirOrNone(dir).includes(command));
  if (folder === undefined) throw new Error(`${command} is not installed`);
  return join(folder, command);
}

function readdirOrNone(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // ignored: a folder of PATH need not exist.
  }
}

const wrapper = (command: string, real: string): string => `#!/bin/sh
read -r count <"$BOARD/count"
count=$((count + 1))
echo "$count" >"$BOARD/count"
echo "${command} $*" >>"$BOARD/commands.log"
[ "$CUT" != "$count before" ] || kill -9 0
status=0
${real} "$@" || status=$?
[ "$CUT" != "$count after" ] || kill -9 0
exit "$status"
`;

/**
 * Kills calls at random instants. It chooses them from the duration of the last completed call, so that they fall into
 * the calls on a machine of any speed.
 */
export function createKiller(random: Random, guessMs: number) {
  let longMs = guessMs;
  let killed = 0;
  return {
    call(start: (killAfterMs: number) => Called): Called {
      const started = performance.now();
      const called = start(1 + random.below(longMs));
      if (called.exitCode === undefined) killed++;
      else longMs = Math.max(2, Math.floor(performance.now() - started));
      return called;
    },
    killed: () => killed,
  };
}
