import type { FastifyBaseLogger } from "fastify";
import type { CheckIns } from "../adapters/postgres/check-ins.ts";
import type { Notices } from "../adapters/postgres/notifications.ts";
import type { Postgres } from "../adapters/postgres/postgres.ts";
import type { RunningDeployments } from "../adapters/postgres/running-deployments.ts";
import type { OpenId } from "../adapters/sign-in/openid.ts";
import type { Tokens } from "../adapters/tokens/tokens.ts";
import type { WebhookSender } from "../adapters/webhooks/send.ts";
import type { Objects } from "../ports/objects.ts";
import type { FullRollouts } from "./device/deployments/full-rollouts.ts";
import type { EventHub } from "./management/events/event-hub.ts";

/** What routes need. The composition root makes it once for a process. */
export interface Services {
  readonly postgres: Postgres;
  readonly tokens: Tokens;
  readonly notices: Notices;
  readonly running: RunningDeployments;
  readonly checkIns: CheckIns;
  readonly full: FullRollouts;
  readonly webhooks: WebhookSender;
  /** Identity providers. */
  readonly openId: OpenId;
  /** Streams of what happens, to people. */
  readonly events: EventHub;
  /** The bytes of Artifacts. */
  readonly objects: Objects;
  /** Whether devices and people read them from the store itself. */
  readonly directLinks: boolean;
  /** Signs links to them. */
  readonly linkKey: Buffer;
  /** `https://host:port` for links, if it is configured. */
  readonly publicUrl: string | undefined;
  /** Whether mails are sent. */
  readonly canMail: boolean;
  readonly log: FastifyBaseLogger;
}
