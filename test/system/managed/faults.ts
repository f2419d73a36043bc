import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { redirect, refusal, slowDown } from "../../support/answers.ts";
import { garbage, resetInBody, resetInHeader, slowHeader, stall, wrongLength } from "../../support/faults.ts";
import { type Responder, ScriptedServer } from "../../support/scripted-server.ts";
import { selfSigned } from "../../support/self-signed.ts";
import type { Astray } from "./network.ts";

/** What a faulty server does; `content` is what the agent requested. */
const ANSWERS = {
  "reset in header": () => resetInHeader,
  "reset in body": (content) => resetInBody(content, content.length >> 1),
  stalled: () => stall,
  "slow header": () => slowHeader(1),
  garbage: () => garbage,
  "too short": (content) => wrongLength(content, content.length + 1000),
  "too long": (content) => wrongLength(content, content.length - 1000),
  "redirects in a circle": () => redirect("/fault"),
  "401": () => refusal(401),
  "403, an expired link": () => refusal(403),
  "409": () => refusal(409),
  "429 for 9 s": () => slowDown(9),
  "429 until a date": () => slowDown(new Date(Date.now() + 3600_000)),
  "500": () => refusal(500),
} as const satisfies Readonly<Record<string, (content: Buffer) => Responder>>;

const ELSEWHERE = ["refused", "no such host", "certificate expired", "certificate for another host"] as const;
const WAITING: ReadonlyMap<string, Astray["keepsWaiting"]> = new Map([
  ["stalled", "silently"],
  ["slow header", "dripping"],
]);

export type Fault = keyof typeof ANSWERS | (typeof ELSEWHERE)[number];

/** Servers with one fault each. */
export class FaultyServers {
  /** PEM file that makes the bad certificates trusted, so that only their own fault gets them refused. */
  readonly trustedCerts: string;
  readonly #folder: string;
  readonly #servers: readonly ScriptedServer[];
  readonly #addresses: ReadonlyMap<Fault, string>;

  static async open(content: Buffer): Promise<FaultyServers> {
    const folder = await mkdtemp(join(tmpdir(), "switchback-faults-"));
    const expired = selfSigned({ lastYear: 2021 });
    const another = selfSigned({ address: "127.0.0.2" });
    await writeFile(join(folder, "trusted.pem"), expired.cert + another.cert);
    const servers = new Map<Fault, ScriptedServer>([
      ["refused", await ScriptedServer.start()],
      ["certificate expired", await ScriptedServer.start(expired)],
      ["certificate for another host", await ScriptedServer.start(another)],
    ]);
    for (const [fault, answerTo] of Object.entries(ANSWERS))
      servers.set(fault as Fault, (await ScriptedServer.start()).answer("/fault", answerTo(content)));
    await servers.get("refused")?.down();
    return new FaultyServers(folder, servers);
  }

  private constructor(folder: string, servers: ReadonlyMap<Fault, ScriptedServer>) {
    this.#folder = folder;
    this.trustedCerts = join(folder, "trusted.pem");
    this.#servers = [...servers.values()];
    this.#addresses = new Map([...servers].map(([fault, { url }]) => [fault, url]));
  }

  astray(fault: Fault): Astray {
    // No resolver accepts a name with an empty label, so this asks none.
    const address = this.#addresses.get(fault) ?? "http://no..host";
    const keepsWaiting = WAITING.get(fault);
    return { address, ...(keepsWaiting !== undefined && { keepsWaiting }) };
  }

  async close(): Promise<void> {
    for (const server of this.#servers) await server.close();
    await rm(this.#folder, { recursive: true });
  }
}
