import { AgentError } from "../../../src/errors/agent-error.ts";
import type { PayloadStream } from "../../../src/ports/payload-handler.ts";
import type { Process } from "../../../src/ports/process.ts";
import { endFifo, pause } from "./fifo.ts";
import type { FileTree } from "./file-tree.ts";
import type { UpdateModule } from "./module.ts";
import { type Streamed, streamFiles } from "./stream-files.ts";

export interface DownloadParts {
  readonly module: UpdateModule;
  readonly tree: FileTree;
  readonly process: Process;
  /** Time for a module to end after a failed download, before the agent stops it. */
  readonly graceMs: number;
}

/**
 * Calls Download, or DownloadWithFileSizes if the module asks for it, and stores the payload in the tree if the module
 * does not read it. Whatever the outcome, no FIFO remains and no process waits for one.
 *
 * @throws {AgentError} MODULE_FAILED, MODULE_ANSWER, MODULE_STREAM, MODULE_TREE_IO, and the codes of the payload
 */
export async function download(parts: DownloadParts, payload: PayloadStream, signal: AbortSignal): Promise<void> {
  const { module, tree } = parts;
  const withSizes = (await module.ask("ProvidePayloadFileSizes", ["Yes"], tree.path, signal)) === "Yes";
  await tree.openStreams();
  try {
    await makeFifo(parts.process, tree.inside("stream-next"), signal);
    if ((await stream(parts, payload, withSizes, signal)) !== "declined") return;
  } finally {
    await tree.closeStreams();
  }
  await tree.storeFiles(payload, signal);
}

async function stream(
  { module, tree, process, graceMs }: DownloadParts,
  payload: PayloadStream,
  withSizes: boolean,
  signal: AbortSignal,
): Promise<Streamed> {
  const ended = new AbortController();
  const stopped = new AbortController();
  const call = withSizes ? "DownloadWithFileSizes" : "Download";
  const running = settled(module.act(call, tree.path, AbortSignal.any([signal, stopped.signal])), () => ended.abort());
  let streamed: Streamed = "unfinished";
  let failure: unknown;
  const names = new Set<string>();
  try {
    const options = {
      withSizes,
      ended: ended.signal,
      async makeFifo(path: string) {
        await makeFifo(process, path, signal);
        names.add(path);
      },
    };
    streamed = await streamFiles(payload, tree, options);
  } catch (error) {
    failure = error;
  }
  if (streamed === "unfinished") {
    const fifos = [tree.inside("stream-next"), ...names];
    await letEnd(fifos, ended.signal, graceMs, () => stopped.abort(STOPPED));
  }
  const outcome = await running;
  signal.throwIfAborted();
  if (failure !== undefined) throw failure;
  if (outcome.error !== undefined && outcome.error !== STOPPED) throw outcome.error;
  if (streamed === "unfinished") throw new AgentError("MODULE_UNFINISHED", { call });
  return streamed;
}

const STOPPED = new Error("the download has failed");

/** Returns the outcome as a value, because an early failure of the module would be an unhandled rejection. */
async function settled(running: Promise<void>, onEnd: () => void): Promise<{ readonly error?: unknown }> {
  try {
    await running;
    return {};
  } catch (error) {
    return { error };
  } finally {
    onEnd();
  }
}

const PAUSE_MS = 10;

/** Ends every FIFO that a module reads after its download failed, and stops the module if it does not end. */
async function letEnd(fifos: readonly string[], ended: AbortSignal, graceMs: number, stop: () => void): Promise<void> {
  const lastMs = performance.now() + graceMs;
  while (!ended.aborted) {
    if (performance.now() > lastMs) return stop();
    for (const path of fifos) endFifo(path);
    await pause(PAUSE_MS, ended);
  }
}

async function makeFifo(process: Process, path: string, signal: AbortSignal): Promise<void> {
  const limits = { timeoutMs: 10_000, maxOutputBytes: 1024 };
  const { exitCode, stderr } = await process.run(["mkfifo", "-m", "600", path], limits, signal);
  if (exitCode !== 0) throw new AgentError("MODULE_TREE_IO", { path, reason: stderr.trim() });
}
