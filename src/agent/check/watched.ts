import { beat, runWatched } from "../../../adapters/process/watched-child.ts";
import { AgentError, describeError } from "../../errors/agent-error.ts";

/** What makes of a check's command line that of its child. */
const WATCHED_FLAG = "--watched";

/** For everything but the adapter's own call. */
const SPARE_MS = 5_000;

/** How far a check has come. */
interface Progress {
  /** That is looked at now. */
  readonly promise?: string;
  readonly kept: number;
  readonly broken: number;
}

/** In the child of a check: tells how far it has come. */
export const reporter = (): ((progress: Progress) => void) => beat<Progress>().tell;

/**
 * Checks a module in a process of its own, which prints what it finds.
 *
 * @param commandLine of this process
 * @returns its exit status; `stuck` where a loop of the module without end had to be ended
 * @throws {AgentError} ADAPTER_TIMEOUT when the module cannot even be loaded in time
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
    reason: "a loop in the module neither ends nor waits",
  });
  if (last?.promise === undefined) throw late;
  return { exitCode: 1, stuck: { ...last, reason: describeError(late) } };
}
