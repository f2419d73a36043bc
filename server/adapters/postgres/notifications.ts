import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyBaseLogger } from "fastify";
import pg from "pg";

/** Something that processes keep in memory has changed. */
export interface Notice {
  readonly tenant: string;
  readonly what: string;
  readonly device?: string;
  /** Of a session, or of a personal access token, that has ended. */
  readonly session?: string;
}

/** What other processes say through the database. */
export interface Notices {
  /** Calls back for each notice. `undefined`: notices may have been missed, so that anything may have changed. */
  subscribe(hear: (notice: Notice | undefined) => void): void;
  /** Whether notices arrive: without them, nothing that is in memory may be trusted for long. */
  arrive(): boolean;
  /**
   * Resolves when the notices of everything that was committed before have arrived, or after a second without an answer.
   * Who waits for it before an answer finds, at this process, what they have changed.
   */
  caughtUp(): Promise<void>;
  close(): Promise<void>;
}

const CHANNEL = "switchback";
const BEAT_MS = 1000;
/** How long an answer waits for the notices of its own changes. */
const CATCH_UP_MS = 1000;
/** A connection that has not answered for so long is broken, although no error has said so. */
const SILENCE_MS = 5000;

/**
 * Listens on a connection of its own, because a pool would close it, and connects again when it breaks.
 *
 * @param fellSilent hears when the database has not answered for five seconds, although no error has said so
 */
export function listenForNotices(url: string, log: FastifyBaseLogger, fellSilent: () => void = () => {}): Notices {
  const subscribers: ((notice: Notice | undefined) => void)[] = [];
  const tell = (notice: Notice | undefined): void => {
    for (const hear of subscribers) hear(notice);
  };
  let client: pg.Client | undefined;
  let heardAt = Number.NEGATIVE_INFINITY;
  let isClosed = false;
  const isSilent = (): boolean => performance.now() - heardAt > SILENCE_MS;

  async function connect(): Promise<void> {
    const fresh = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3000, keepAlive: true });
    const lose = (error?: Error): void => {
      if (client === fresh) client = undefined;
      if (error !== undefined && !isClosed) log.warn({ err: error }, "The connection for notices broke.");
    };
    fresh.on("error", lose);
    fresh.on("end", () => lose());
    fresh.on("notification", ({ payload }) => {
      const notice = read(payload);
      if (notice !== undefined) tell(notice);
    });
    await fresh.connect();
    await fresh.query(`LISTEN ${CHANNEL}`);
    client = fresh;
    heardAt = performance.now();
    tell(undefined);
  }

  async function beat(): Promise<void> {
    if (client === undefined) return connect();
    const asked = client;
    if (isSilent()) {
      client = undefined;
      asked.end().catch(() => {}); // ignored: the connection is broken.
      log.warn("The database has not answered for five seconds. New connections take the place of the old ones.");
      fellSilent();
      return;
    }
    await asked.query("SELECT 1");
    if (client === asked) heardAt = performance.now();
  }

  let beating: Promise<void> | undefined;
  const timer = setInterval(() => {
    if (beating !== undefined && !isSilent()) return;
    beating = beat()
      .catch(() => {}) // ignored: the next beat connects again.
      .finally(() => {
        beating = undefined;
      });
  }, BEAT_MS);
  timer.unref();
  beating = connect()
    .catch(() => {}) // ignored: the next beat connects again.
    .finally(() => {
      beating = undefined;
    });

  return {
    subscribe: (hear) => void subscribers.push(hear),
    arrive: () => client !== undefined && !isSilent(),
    async caughtUp() {
      const enough = new AbortController();
      const { signal } = enough;
      // The database sends notices ahead of the next answer. Without a connection, nothing in memory is trusted for long.
      const answered = client?.query("SELECT 1").catch(() => {}); // ignored: the connection broke.
      await Promise.race([answered, sleep(CATCH_UP_MS, undefined, { signal, ref: false }).catch(() => {})]); // ignored: it has answered.
      enough.abort();
    },
    async close() {
      isClosed = true;
      clearInterval(timer);
      await beating;
      await client?.end();
    },
  };
}

function read(payload: string | undefined): Notice | undefined {
  try {
    const value = JSON.parse(payload ?? "");
    return typeof value?.tenant === "string" && typeof value.what === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
