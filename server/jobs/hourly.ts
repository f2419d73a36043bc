import type { FastifyBaseLogger } from "fastify";

const EVERY_MS = 3600_000;

/**
 * Does some work now and every hour.
 *
 * @param work tells what it has done, for the log, or nothing
 * @returns ends it, after the work that is under way
 */
export function hourly(
  name: string,
  work: () => Promise<object | undefined>,
  log: FastifyBaseLogger,
): () => Promise<void> {
  let underWay = Promise.resolve();
  const start = (): void => {
    underWay = underWay.then(work).then(
      (done) => done && log.info(done, `Done: ${name}.`),
      (error: unknown) => log.warn({ err: error }, `Failed, and is tried again in an hour: ${name}.`),
    );
  };
  start();
  const timer = setInterval(start, EVERY_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    return underWay;
  };
}
