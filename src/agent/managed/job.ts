import { openWorkerChannel } from "../../../adapters/process/worker-channel.ts";
import type { Work } from "../../core/poller/work.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { packError, unpackError } from "../../errors/packed-error.ts";
import type { CliIo } from "../io.ts";
import { composeWorkLock } from "../lock.ts";
import type { GlobalOptions } from "../options.ts";
import { composeServer, type KeyOptions } from "./server.ts";
import { composeWork } from "./work.ts";
import { type Job, type JobResult, WORKER_FLAG, type WorkerRequest } from "./worker.ts";

/**
 * Does the piece of work for which a daemon started this process.
 *
 * @throws {AgentError} CLI_USAGE if no daemon started it
 */
export async function runJob(options: GlobalOptions, keyOptions: KeyOptions, io: CliIo): Promise<void> {
  const taken = await openWorkerChannel();
  if (taken === undefined)
    throw new AgentError("CLI_USAGE", { option: WORKER_FLAG, reason: "only the daemon uses it" });
  const { order, passphrase }: WorkerRequest = JSON.parse(taken.order);
  taken.answer(JSON.stringify(await resultOf(order, options, { ...keyOptions, passphrase }, io)));
}

async function resultOf(order: Job, options: GlobalOptions, keyOptions: KeyOptions, io: CliIo): Promise<JobResult> {
  const left = new AbortController();
  let reboot: { readonly argument: string | undefined } | undefined;
  try {
    const server = await composeServer(options, keyOptions, io);
    const lock = composeWorkLock(server.paths, server.host, (line) => server.log("warning", line));
    const work = composeWork(server, await server.session(), {
      async alone(task) {
        const release = await lock.acquire();
        try {
          await task();
        } finally {
          await release();
        }
      },
      leavesReboot: false,
      leave(argument) {
        reboot = { argument };
        left.abort();
      },
    });
    return { result: (await perform(work, order, AbortSignal.any([io.signal, left.signal]))) ?? null };
  } catch (error) {
    if (reboot !== undefined && !io.signal.aborted) return { reboot };
    if (!(error instanceof AgentError)) throw error;
    return { failure: packError(error) };
  }
}

function perform(work: Work, order: Job, signal: AbortSignal): Promise<unknown> {
  if (order.work === "pending") return work.pending(order.prepares, signal);
  if (order.work === "sendTrouble") return work.sendTrouble(order.trouble, signal);
  return order.work === "deploy"
    ? work.deploy(order.deployment, signal, order.lost && unpackError(order.lost))
    : work[order.work](signal);
}
