import { beat, runWatched } from "../../../adapters/process/watched-child.ts";
import { AgentError, describeError } from "../../errors/agent-error.ts";

/** Turns the command line of a check into that of its child process. */
const WATCHED_FLAG = "--watched";

/** Time for everything except the adapter's own call. */
const SPARE_MS = 5_000;

/** How far a check has come. */
interface Progress {
  /** The promise whose check is running. */
  readonly promise?: string;
  readonly kept: number;
  readonly broken: number;
}

/** In the child process of a check: reports its progress. */
export const reporter = (): ((progress: Progress) => void) => beat<Progress>().tell;

/**
 * Checks a module in a child process, which prints the findings.
 *
 * @param commandLine of this process
 * @returns the child's exit status; `stuck` if the child was killed because the module never returned from a loop
 * @throws {AgentError} ADAPTER_TIMEOUT when the module does not even load in time
 */
export async function checkInChild(
  commandLine: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ readonly exitCode: number; readonly stuck?: Progress & { readonly reason: string } }> {
  const { exitCode, isStuck, last } = await runWatched<Progress>(
    [...commandLine, WATCHED_FLAG],
    timeoutMs + SPARE_MS,
    signal,
  );
  if (!isStuck) return { exitCode };
  const late = new AgentError("ADAPTER_TIMEOUT", {
    seconds: timeoutMs / 1000,
    reason: "the module is in an endless loop",
  });
  if (last?.promise === undefined) throw late;
  return { exitCode: 1, stuck: { ...last, reason: describeError(late) } };
}
