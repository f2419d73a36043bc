import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyBaseLogger } from "fastify";
import { ServerError } from "../../../errors/server-error.ts";
import { findBinaries } from "./binaries.ts";
import { type Child, type Place, startChild } from "./child.ts";
import { makeCluster, makeDatabase, makeFolder, versionOf } from "./make-cluster.ts";
import { endOrphans } from "./postmaster.ts";
import { serviceUser } from "./service-user.ts";
import { socketFolder } from "./socket-folder.ts";

export interface PrivatePostgresOptions {
  /** The folder of the cluster and its socket. The caller has the lock of the data folder. */
  readonly folder: string;
  readonly log: FastifyBaseLogger;
  /** More settings, `name=value`. */
  readonly settings?: readonly string[];
}

export interface PrivatePostgres {
  /** Of the application's database, for a role that is no superuser. */
  readonly url: string;
  /** The process that takes connections, or undefined while there is none. */
  pid(): number | undefined;
  /** Ends PostgreSQL. What is committed stays. */
  stop(): Promise<void>;
}

const RETRY_FIRST_MS = 50;
const RETRY_LAST_MS = 5000;
/** The old number can linger for a moment after a kill, and so can the processes of its connections. */
const START_PATIENCE_MS = 5000;
const STOP_MS = 60_000;

/**
 * Runs a PostgreSQL of our own: makes its cluster at the first start, ends what a killed server has left, and starts
 * PostgreSQL again whenever it dies. Meanwhile connections fail, which `Postgres` reports as DATABASE_AWAY.
 *
 * @throws {ServerError} DATABASE_MISSING, DATABASE_START
 */
export async function startPrivatePostgres(options: PrivatePostgresOptions): Promise<PrivatePostgres> {
  const { folder, log, settings = [] } = options;
  const data = join(folder, "data");
  const user = await serviceUser(data);
  await makeFolder(folder, user);
  const version = await versionOf(data);
  const binaries = await findBinaries(version);
  if (version === undefined) await makeCluster(data, binaries, user);
  const left = await endOrphans(data);
  if (left > 0) log.warn({ processes: left }, "Ended the PostgreSQL that a killed server had left.");
  const onLine = (line: string): void => void log[/^(?:FATAL|PANIC)/.test(line) ? "warn" : "debug"]({ postgres: line });
  const place: Place = { binaries, user, data, socketFolder: await socketFolder(folder, user), settings, onLine };
  const supervisor = new Supervisor(place, log);
  await supervisor.start();
  try {
    const url = await makeDatabase(place.socketFolder);
    return { url, pid: () => supervisor.pid, stop: () => supervisor.stop() };
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
}

class Supervisor {
  readonly #place: Place;
  readonly #log: FastifyBaseLogger;
  readonly #stopping = new AbortController();
  #child: Child | undefined;
  #watch: Promise<void> = Promise.resolve();

  constructor(place: Place, log: FastifyBaseLogger) {
    this.#place = place;
    this.#log = log;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts PostgreSQL. From now on it is started again when it dies. */
  async start(): Promise<void> {
    const until = performance.now() + START_PATIENCE_MS;
    while (this.#child === undefined)
      this.#child = await startChild(this.#place).catch(async (error: unknown) => {
        if (performance.now() >= until || !/lock file|shared memory/.test(reasonOf(error))) throw error;
        await sleep(RETRY_FIRST_MS);
        return undefined;
      });
    this.#watch = this.#supervise(this.#child);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const child = this.#child;
    if (child !== undefined) {
      // Without waiting for clients; then without writing what the next start can recover.
      for (const signal of ["SIGINT", "SIGQUIT"] as const) {
        child.signal(signal);
        const timer = new AbortController();
        const isEnded = await Promise.race([
          child.ended.then(() => true),
          sleep(STOP_MS, false, { signal: timer.signal }).catch(() => false), // ignored: it has ended in time.
        ]);
        timer.abort();
        if (isEnded) break;
      }
    }
    await this.#watch;
  }

  async #supervise(first: Child): Promise<void> {
    let child = first;
    for (;;) {
      await child.ended;
      this.#child = undefined;
      if (this.#stopping.signal.aborted) return;
      this.#log.error({ pid: child.pid }, "PostgreSQL has ended unexpectedly, and is started again.");
      const next = await this.#startAgain();
      if (next === undefined) return;
      this.#log.info({ pid: next.pid }, "PostgreSQL is back.");
      child = next;
      // `stop` may have looked for the process while it was starting.
      if (this.#stopping.signal.aborted) child.signal("SIGINT");
      else this.#child = child;
    }
  }

  /** Tries until PostgreSQL runs. Returns undefined if it is not wanted any more. */
  async #startAgain(): Promise<Child | undefined> {
    for (let pause = RETRY_FIRST_MS; ; pause = Math.min(pause * 2, RETRY_LAST_MS)) {
      if (this.#stopping.signal.aborted) return undefined;
      try {
        await endOrphans(this.#place.data);
        return await startChild(this.#place);
      } catch (error) {
        this.#log.error({ err: error }, "PostgreSQL does not start. The next attempt follows.");
        await sleep(pause, undefined, { signal: this.#stopping.signal }).catch(() => undefined); // ignored: it ends the wait.
      }
    }
  }
}

const reasonOf = (error: unknown): string =>
  error instanceof ServerError ? String(error.detail["reason"]) + String(error.detail["log"]) : String(error);
