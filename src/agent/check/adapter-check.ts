import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Sandbox } from "../../../adapters/check/sandbox.ts";
import { failedWith, UNFILLED } from "../../../adapters/foreign/foreign-failure.ts";
import { ranOutOfTime } from "../../contracts/contract.ts";
import { AgentError, describeError } from "../../errors/agent-error.ts";
import type { AdapterKind, CheckRequest, Examination, Examine } from "./examination.ts";

/** Whether the adapter keeps a promise, and the reason if it does not. */
export interface Verdict {
  readonly promise: string;
  readonly kept: boolean;
  readonly reason?: string;
}

const EXAMINATIONS: Readonly<Record<AdapterKind, () => Promise<Examine>>> = {
  bootloader: async () => (await import("./bootloader.ts")).examineBootloader,
  payload: async () => (await import("./payload.ts")).examinePayload,
  device: async () => (await import("./device.ts")).examineDevice,
};

/**
 * Checks an adapter against every promise of its port, in a sandbox folder. Yields each promise twice: without a
 * verdict when the check begins, then with the verdict.
 *
 * @throws {AgentError} ADAPTER_…; ADAPTER_INVALID also names the functions that a skeleton still lacks
 */
export async function* checkAdapter(
  request: CheckRequest,
  signal: AbortSignal,
): AsyncGenerator<Verdict | Pick<Verdict, "promise">> {
  const folder = await mkdtemp(join(tmpdir(), "switchback-adapter-"));
  try {
    const root = join(folder, "root");
    await mkdir(root);
    const examine = await EXAMINATIONS[request.kind]();
    const sandbox = new Sandbox(root, join(folder, "trace"), { stop: signal, timeoutMs: request.timeoutMs });
    const { reset, functions, promises } = await examine(request, sandbox);
    yield* expectFilledIn(functions, reset);
    for (const { title, run } of promises) {
      if (!title.includes(request.only)) continue;
      signal.throwIfAborted();
      yield { promise: title };
      await reset();
      try {
        await run();
        yield { promise: title, kept: true };
      } catch (error) {
        signal.throwIfAborted();
        yield { promise: title, kept: false, reason: reasonOf(error) };
        // The other promises would time out too, most of them several times.
        if (ranOutOfTime(error)) return;
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Calls each function once. @returns the name of each call as it begins, without a verdict */
async function* expectFilledIn(
  functions: Examination["functions"],
  reset: () => Promise<void>,
): AsyncGenerator<Pick<Verdict, "promise">> {
  const missing: string[] = [];
  for (const [name, request] of Object.entries(functions)) {
    yield { promise: `${name} finishes` };
    await reset();
    try {
      await request();
    } catch (error) {
      if (error instanceof AgentError && (STOPS.has(error.code) || ranOutOfTime(error))) throw error;
      // ignored: the checks of the promises report every other failure.
      if (failedWith(error, UNFILLED)) missing.push(name);
    }
  }
  if (missing.length > 0) throw new AgentError("ADAPTER_INVALID", { missing: missing.join(", ") });
}

/** Failures after which no promise can be checked. */
const STOPS: ReadonlySet<string> = new Set(["ADAPTER_LOAD", "ADAPTER_INVALID", "ADAPTER_PROTOCOL", "PROCESS_MISSING"]);

function reasonOf(error: unknown): string {
  if (error instanceof AgentError) return describeError(error);
  return error instanceof Error ? error.message : String(error);
}
