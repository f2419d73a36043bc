import type { ServerResponse } from "node:http";
import { readProgress } from "../../../adapters/postgres/deployment-events.ts";
import { countAfter, eventBounds, readEvents } from "../../../adapters/postgres/events.ts";
import type { Notices } from "../../../adapters/postgres/notifications.ts";
import type { Postgres } from "../../../adapters/postgres/postgres.ts";
import type { StoredEvent } from "../../../adapters/postgres/stored-event.ts";
import { EVENT_TYPES, type EventType } from "../../../domain/events/event-types.ts";
import type { Grants } from "../../../domain/permissions/grants.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Callers, Credential, PersonCaller } from "../../callers.ts";
import { eventFrame, heartbeatFrame, openingFrame, partingFrame, progressFrame, resyncFrame } from "./frames.ts";

/** Streams of events to people. */
export interface EventHub {
  /**
   * Answers with a stream. It ends with the session or the token of the person, and when the process ends.
   *
   * @throws {ServerError} TOO_MANY_REQUESTS
   */
  open(listener: NewListener, response: ServerResponse, headers: Record<string, string>): Promise<void>;
  /** How many people listen, how many events they got, and how often one read too slowly and had to catch up. */
  readonly figures: { readonly listeners: number; readonly sent: number; readonly lagged: number };
  /** Ends all streams, so that the listeners come back to another process. New ones are ended at once. */
  end(): void;
}

export interface NewListener {
  readonly person: PersonCaller;
  readonly credential: Credential;
  /** `undefined`: all that the person may see. */
  readonly topics: ReadonlySet<EventType> | undefined;
  /** The number of the last event that the person has seen. `undefined`: only what is new. */
  readonly lastSeen: number | undefined;
}

interface Listener extends NewListener {
  readonly response: ServerResponse;
  grants: Grants;
  /** The number of the last event that was sent, or that is not for this person. */
  after: number;
  /** Gets events as they come. Otherwise it catches up by reading them again. */
  isLive: boolean;
  isCatchingUp: boolean;
}

interface Feed {
  last: number;
  readonly listeners: Set<Listener>;
  pumping: boolean;
  again: boolean;
  progress: Map<string, string>;
}

const HEARTBEAT_MS = 15_000;
const LOOK_MS = 1000;
const BATCH = 200;
/** Who has missed more reads the lists again instead. */
const REPLAY_MAX = 10_000;
const LISTENERS_MAX = 2000;
const EACH_PERSON_MAX = 20;

export function createEventHub(
  postgres: Postgres,
  notices: Pick<Notices, "subscribe">,
  callers: Pick<Callers, "person">,
  heartbeatMs: number = HEARTBEAT_MS,
): EventHub {
  const feeds = new Map<string, Feed>();
  const figures = { listeners: 0, sent: 0, lagged: 0 };
  let isEnding = false;
  let timers: NodeJS.Timeout[] = [];

  notices.subscribe((notice) => {
    if (notice === undefined) for (const tenant of feeds.keys()) void pump(tenant);
    else if (notice.what === "events") void pump(notice.tenant);
    else if (notice.what === "session")
      for (const one of feeds.get(notice.tenant)?.listeners ?? [])
        if (one.person.session === notice.session) void verify(one);
  });

  /** An event does not say which groups and tags it concerns: it is for those whose permission has no scope. */
  const wants = ({ grants, topics }: Listener, type: EventType): boolean =>
    grants.get(EVENT_TYPES[type]) === "all" && (topics === undefined || topics.has(type));

  /** Sends an event, or passes it over. @returns whether the listener can take more */
  function hand(listener: Listener, event: StoredEvent, frame: () => string): boolean {
    listener.after = event.id;
    if (!wants(listener, event.type)) return true;
    figures.sent += 1;
    return listener.response.write(frame());
  }

  /** Reads what is new for a tenant once, for all who listen. */
  async function pump(tenant: string): Promise<void> {
    const feed = feeds.get(tenant);
    if (feed === undefined) return;
    feed.again = true;
    if (feed.pumping) return;
    feed.pumping = true;
    try {
      while (feed.again) {
        feed.again = false;
        const events = await readEvents(postgres, tenant, { after: feed.last, limit: BATCH });
        for (const event of events) {
          feed.last = event.id;
          let text: string | undefined;
          const frame = (): string => (text ??= eventFrame(event));
          for (const listener of feed.listeners)
            if (listener.isLive && event.id > listener.after && !hand(listener, event, frame)) {
              listener.isLive = false;
              figures.lagged += 1;
            }
        }
        feed.again ||= events.length === BATCH;
      }
    } catch {
      // ignored: the database is away, and the next look asks again.
    } finally {
      feed.pumping = false;
    }
  }

  /** Sends what a listener has missed, as fast as it reads. */
  async function catchUp(listener: Listener, feed: Feed): Promise<void> {
    if (listener.isCatchingUp || listener.isLive) return;
    listener.isCatchingUp = true;
    try {
      while (!listener.response.writableNeedDrain && !listener.response.destroyed) {
        const { tenant } = listener.person;
        const { last } = feed;
        const events = await readEvents(postgres, tenant, { after: listener.after, limit: BATCH });
        // What came while it read is read again: the others have got it, and this listener has not.
        if (events.length === 0 && (listener.after >= feed.last || last === feed.last)) {
          listener.isLive = true;
          return;
        }
        for (const event of events) if (!hand(listener, event, () => eventFrame(event))) break;
      }
    } catch {
      // ignored: the database is away, and the next look tries again.
    } finally {
      listener.isCatchingUp = false;
    }
  }

  /** Ends the stream of a person whose session has ended, and follows what the person may see. */
  async function verify(listener: Listener): Promise<void> {
    const person = await callers.person(listener.credential).catch(() => listener.person); // ignored: the database is away.
    if (person === undefined) listener.response.end();
    else listener.grants = person.grants;
  }

  async function tellProgress(tenant: string, feed: Feed): Promise<void> {
    const now = new Map<string, string>();
    for (const row of await readProgress(postgres, tenant)) now.set(row.id, JSON.stringify(row.counts));
    for (const [id, counts] of now) {
      if (feed.progress.get(id) === counts) continue;
      const frame = progressFrame(id, counts);
      for (const one of feed.listeners)
        if (one.isLive && !one.response.writableNeedDrain && wants(one, "deployment-started"))
          one.response.write(frame);
    }
    feed.progress = now;
  }

  function look(): void {
    for (const [tenant, feed] of feeds) {
      void pump(tenant);
      for (const listener of feed.listeners) void catchUp(listener, feed);
      tellProgress(tenant, feed).catch(() => {}); // ignored: the database is away.
    }
  }

  function beat(): void {
    for (const { listeners } of feeds.values())
      for (const listener of listeners) {
        if (!listener.response.writableNeedDrain) listener.response.write(heartbeatFrame(listener.after));
        void verify(listener);
      }
  }

  function watch(): void {
    if (timers.length > 0) return;
    timers = [setInterval(look, LOOK_MS), setInterval(beat, heartbeatMs)];
    for (const timer of timers) timer.unref();
  }

  function close(tenant: string, listener: Listener): void {
    const feed = feeds.get(tenant);
    if (feed?.listeners.delete(listener) !== true) return;
    figures.listeners -= 1;
    if (feed.listeners.size === 0) feeds.delete(tenant);
    if (feeds.size === 0) for (const timer of timers.splice(0)) clearInterval(timer);
  }

  return {
    figures,
    async open(wanted, response, headers) {
      const { tenant, user } = wanted.person;
      const own = [...(feeds.get(tenant)?.listeners ?? [])].filter(({ person }) => person.user === user).length;
      if (figures.listeners >= LISTENERS_MAX || own >= EACH_PERSON_MAX)
        throw new ServerError("TOO_MANY_REQUESTS", { reason: "too many streams are open" }, { retryAfterS: 10 });
      const start = await placeOf(postgres, tenant, wanted.lastSeen);
      response.writeHead(200, headers);
      response.write(openingFrame());
      if (start.isLost) response.write(resyncFrame(start.after));
      if (isEnding) response.end(partingFrame());
      if (response.writableEnded || response.destroyed) return;
      const feed = feeds.get(tenant) ?? {
        ...{ last: start.newest, pumping: false, again: false },
        ...{ listeners: new Set<Listener>(), progress: new Map<string, string>() },
      };
      feeds.set(tenant, feed);
      const { grants } = wanted.person;
      const state = { after: start.after, isLive: false, isCatchingUp: false };
      const listener: Listener = { ...wanted, response, grants, ...state };
      feed.listeners.add(listener);
      figures.listeners += 1;
      response.on("drain", () => void catchUp(listener, feed));
      response.on("close", () => close(tenant, listener));
      watch();
      await catchUp(listener, feed);
    },
    end() {
      isEnding = true;
      for (const { listeners } of feeds.values()) for (const { response } of listeners) response.end(partingFrame());
    },
  };
}

/** From where a stream goes on. */
async function placeOf(
  postgres: Postgres,
  tenant: string,
  lastSeen: number | undefined,
): Promise<{ readonly after: number; readonly newest: number; readonly isLost: boolean }> {
  const { oldest, newest } = await eventBounds(postgres, tenant);
  if (lastSeen === undefined) return { after: newest, newest, isLost: false };
  const isGone = lastSeen > newest || lastSeen < oldest;
  const isFar = !isGone && (await countAfter(postgres, tenant, lastSeen, REPLAY_MAX + 1)) > REPLAY_MAX;
  return isGone || isFar ? { after: newest, newest, isLost: true } : { after: lastSeen, newest, isLost: false };
}
