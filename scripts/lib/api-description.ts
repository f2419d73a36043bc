import { generateKeyPairSync, randomBytes } from "node:crypto";
import { pino } from "pino";
import { guardedAgents } from "../../server/adapters/outgoing/guarded-agents.ts";
import { connectPostgres } from "../../server/adapters/postgres/postgres.ts";
import { createOpenId } from "../../server/adapters/sign-in/openid.ts";
import { createTokens } from "../../server/adapters/tokens/tokens.ts";
import { createSender } from "../../server/adapters/webhooks/send.ts";
import { createApp } from "../../server/api/app.ts";
import { FullRollouts } from "../../server/api/device/deployments/full-rollouts.ts";
import { createPolls } from "../../server/api/device/deployments/poll.ts";
import { DeviceMemories } from "../../server/api/device/device-memories.ts";
import { findCallers } from "../../server/api/find-callers.ts";
import type { Described } from "../../server/api/operations/reference-page.ts";
import { RepeatedBodies } from "../../server/api/repeated-bodies.ts";
import type { Services } from "../../server/api/services.ts";
import { allRoutes } from "../../server/compose.ts";

/** The description of the server's API. The app answers no request, so it needs no database and no store. */
export async function describeApi(): Promise<Described> {
  const log = pino({ level: "silent" });
  const postgres = connectPostgres({ url: "postgresql://nobody@127.0.0.1:1/none" });
  const key = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const tokens = createTokens(key);
  const notices = { subscribe: () => undefined, arrive: () => false, close: async () => {}, caughtUp: async () => {} };
  const unused = (): never => {
    throw new Error("a description asks nobody");
  };
  const agents = guardedAgents([]);
  const services: Services = {
    ...{ postgres, tokens, notices, log, directLinks: false, linkKey: randomBytes(32), publicUrl: undefined },
    canMail: false,
    running: { of: unused, look: unused } as Partial<Services["running"]> as Services["running"],
    checkIns: { note: unused, flush: unused } as Partial<Services["checkIns"]> as Services["checkIns"],
    full: new FullRollouts(),
    objects: {} as Services["objects"],
    webhooks: createSender(agents),
    openId: createOpenId(agents),
    events: { open: unused, end: unused, figures: { listeners: 0, sent: 0, lagged: 0 } },
  };
  const memories = new DeviceMemories(postgres, tokens, notices);
  const app = await createApp({
    log,
    callers: findCallers(postgres, tokens, memories),
    routes: allRoutes(services, { memories, polls: createPolls(services), bodies: new RepeatedBodies() }),
  });
  try {
    await app.ready();
    return app.swagger() as Described;
  } finally {
    await app.close();
    await postgres.close();
  }
}
