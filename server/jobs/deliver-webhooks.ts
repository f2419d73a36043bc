import type { FastifyBaseLogger } from "fastify";
import type { Postgres } from "../adapters/postgres/postgres.ts";
import {
  type Claim,
  claimWebhooks,
  type Due,
  endClaim,
  type Result,
  readDue,
} from "../adapters/postgres/webhook-queue.ts";
import type { WebhookSender } from "../adapters/webhooks/send.ts";
import { messageOf } from "../domain/webhooks/message.ts";
import { GIVE_UP_AFTER_S, retryAfterS } from "../domain/webhooks/retries.ts";

/** Webhooks that a process delivers for at a time: a receiver that hangs takes one of these places, and no more. */
const WEBHOOKS_AT_ONCE = 100;
/** Events of one webhook that are under way at a time. */
const EVENTS_AT_ONCE = 8;
/** Events that are recorded together. A crash delivers them again. */
const BATCH = 64;
/** No event is begun later, so that all results are recorded before the claim ends. */
const BEGIN_MS = 30_000;

export interface Deliveries {
  /** Takes the webhooks that are due, and delivers for them in the background. */
  start(): Promise<void>;
  /** How many attempts this process has made. */
  readonly counts: { delivered: number; failed: number };
  /** Ends after the attempts that are under way. */
  close(): Promise<void>;
}

/** Delivers events to webhooks, at least once each. All processes may do so: no two deliver for a webhook at a time. */
export function deliverWebhooks(postgres: Postgres, sender: WebhookSender, log: FastifyBaseLogger): Deliveries {
  const underWay = new Set<Promise<void>>();
  const counts = { delivered: 0, failed: 0 };
  let isClosing = false;

  async function attempt(due: Due, delivery: Due["deliveries"][number]): Promise<Result> {
    const outcome = await sender.send(due, messageOf(delivery));
    counts[outcome.isDelivered ? "delivered" : "failed"] += 1;
    return { event: delivery.id, ...outcome, retryAfterS: retryAfterS(delivery.attempts + 1, Math.random()) };
  }

  /** Sends until something fails: a receiver that is down must not get all that waits for it. */
  async function sendAll(due: Due): Promise<Result[]> {
    const results: Result[] = [];
    const left = [...due.deliveries];
    const until = performance.now() + BEGIN_MS;
    let hasFailed = false;
    const work = async (): Promise<void> => {
      while (!hasFailed && !isClosing && performance.now() < until) {
        const next = left.shift();
        if (next === undefined) return;
        const result = await attempt(due, next);
        hasFailed ||= !result.isDelivered;
        results.push(result);
      }
    };
    await Promise.all(Array.from({ length: EVENTS_AT_ONCE }, work));
    return results;
  }

  async function deliver(claim: Claim): Promise<void> {
    const { tenant } = claim;
    const due = await postgres.inTenant(tenant, (session) => readDue(session, claim, BATCH));
    const results = due === undefined ? [] : await sendAll(due);
    const hasDelivered = results.some(({ isDelivered }) => isDelivered);
    const before = hasDelivered ? 0 : (due?.failures ?? 0);
    const failures = results.every(({ isDelivered }) => isDelivered) ? before : before + 1;
    const pauseS = failures === 0 ? 0 : retryAfterS(failures, Math.random());
    const isDisabled = await postgres.inTenant(tenant, (session) =>
      endClaim(session, claim, { results, failures, hasDelivered, pauseS, giveUpAfterS: GIVE_UP_AFTER_S }),
    );
    if (isDisabled) log.warn({ tenant, webhook: claim.webhook }, "A webhook has failed for too long, and is disabled.");
  }

  async function start(): Promise<void> {
    const free = WEBHOOKS_AT_ONCE - underWay.size;
    if (isClosing || free <= 0) return;
    for (const claim of await claimWebhooks(postgres, free)) {
      const delivering: Promise<void> = deliver(claim)
        .catch((error: unknown) => log.warn({ err: error }, "Deliveries to a webhook failed. They are tried again."))
        .finally(() => {
          underWay.delete(delivering);
          // More may have come meanwhile, or the batch was full.
          if (!isClosing) void start().catch(() => {}); // ignored: the next turn asks again.
        });
      underWay.add(delivering);
    }
  }

  return {
    start,
    counts,
    async close() {
      isClosing = true;
      await Promise.all(underWay);
    },
  };
}
