import { AgentError } from "../../src/errors/agent-error.ts";
import type { Place } from "./place.ts";
import { type Ended, IMAGE, runningTool, runTool, type Tool } from "./tool.ts";

const DEBUGFS: Tool = { program: "debugfs", package: "e2fsprogs" };
const E2FSCK: Tool = { program: "e2fsck", package: "e2fsprogs" };

/** debugfs reads a line of a script into a buffer of this size. */
const MAX_LINE_BYTES = 8190;
/** The only line that debugfs writes to stderr on success. */
const BANNER = /^debugfs \d[^\n]*\n?/;
const FULL = /allocate (?:inode|block)|no (?:free )?space|No free/i;

const at = ({ offset }: Place): string => (offset === 0 ? IMAGE : `${IMAGE}?offset=${offset}`);

/** An argument of a command of debugfs. */
export const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** A folder as an argument. With `/.` at its end, debugfs follows a link in the last place. */
export const quotedFolder = (path: string): string => quoted(path === "/" ? path : `${path}/.`);

/**
 * Runs commands of debugfs one after another. debugfs exits with 0 when a command fails and only writes to stderr, so
 * any text there is a failure.
 *
 * @returns the output of each command
 * @throws {AgentError} IMAGE_FULL, IMAGE_TOOL_FAILED
 */
export async function debugfs(
  place: Place,
  commands: readonly string[],
  writes: boolean,
  signal: AbortSignal,
): Promise<readonly string[]> {
  for (const command of commands) {
    if (Buffer.byteLength(command) > MAX_LINE_BYTES) {
      throw new AgentError("IMAGE_PATH", { path: command.slice(0, 200), reason: "too long for debugfs" });
    }
  }
  const args = [...(writes ? ["-w"] : []), "-f", "-", at(place)];
  const stdin = `${commands.join("\n")}\n`;
  const ended = await runTool({ tool: DEBUGFS, args, place, writes, stdin }, signal);
  throwFailure(place, ended);
  return outputs(ended.stdout.toString("utf8"), commands);
}

/** The content of a file as debugfs prints it. @throws {AgentError} IMAGE_TOOL_FAILED */
export async function* catFile(place: Place, path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const args = ["-R", `cat ${quoted(path)}`, at(place)];
  throwFailure(place, yield* runningTool({ tool: DEBUGFS, args, place, writes: false }, signal));
}

function throwFailure({ path }: Place, { status, stderr }: Omit<Ended, "stdout">): void {
  const said = stderr.replace(BANNER, "").trim();
  if (status === 0 && said === "") return;
  const detail = { image: path, program: DEBUGFS.program, status, stderr: said };
  throw new AgentError(FULL.test(said) ? "IMAGE_FULL" : "IMAGE_TOOL_FAILED", detail);
}

/** debugfs prints each command before its output. A name in the output cannot imitate that: commands contain `/`. */
function outputs(stdout: string, commands: readonly string[]): readonly string[] {
  const found: string[] = [];
  let from = 0;
  for (const [index, command] of commands.entries()) {
    from = stdout.indexOf(marker(command), from) + marker(command).length;
    const next = commands[index + 1];
    const end = next === undefined ? stdout.length : stdout.indexOf(`\n${marker(next)}`, from - 1) + 1;
    found.push(stdout.slice(from, end));
    from = end;
  }
  return found;
}

const marker = (command: string): string => `debugfs: ${command}\n`;

/** Statuses of e2fsck: nothing found, or all errors corrected. */
const SOUND = [0, 1];

/** @param how `-p` repairs what is safe to repair; `-fn` only checks, but everything @throws {AgentError} IMAGE_DAMAGED */
export async function e2fsck(place: Place, how: "-p" | "-fn", signal: AbortSignal): Promise<void> {
  const call = { tool: E2FSCK, args: [how, at(place)], place, writes: how === "-p" };
  const { status, stdout, stderr } = await runTool(call, signal);
  if (SOUND.some((good) => good === status)) return;
  const said = `${stdout.toString("utf8")}\n${stderr}`
    .split("\n")
    .filter((line) => !/^(?:Pass \d|e2fsck \d|$)/.test(line));
  throw new AgentError("IMAGE_DAMAGED", { image: place.path, status, e2fsck: said.join("; ").slice(0, 400) });
}
