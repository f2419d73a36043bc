import type { FastifyBaseLogger } from "fastify";

/**
 * Does some work each second. A second in which it still runs is left out.
 *
 * @returns ends it, after it has finished what it does
 */
export function eachSecond(work: () => Promise<void>, log: FastifyBaseLogger): () => Promise<void> {
  let running: Promise<void> | undefined;
  const timer = setInterval(() => {
    running ??= work()
      .catch((error: unknown) => log.warn({ err: error }, "The work of each second failed. It is tried again."))
      .finally(() => {
        running = undefined;
      });
  }, 1000);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
