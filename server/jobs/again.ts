import type { FastifyBaseLogger } from "fastify";

/**
 * Does some work again and again. A turn that comes while it still runs is left out.
 *
 * @param name what it is, for the log: "the work of each second"
 * @returns ends it, after it has finished what it does
 */
export function again(
  name: string,
  everyMs: number,
  log: FastifyBaseLogger,
  work: () => Promise<unknown>,
): () => Promise<void> {
  let running: Promise<unknown> | undefined;
  let hasFailed = false;
  const timer = setInterval(() => {
    running ??= work()
      .then(
        () => {
          hasFailed = false;
        },
        (error: unknown) => {
          // One line, however long it goes on.
          if (!hasFailed) log.warn({ err: error }, `Failed, and is tried again: ${name}.`);
          hasFailed = true;
        },
      )
      .finally(() => {
        running = undefined;
      });
  }, everyMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
