import { setTimeout } from "node:timers/promises";
import type { Random } from "../../../qemu/harness/random.ts";
import { deployment, empty, file, refusal, slowDown, token } from "../../support/answers.ts";
import { reset, resetInHeader } from "../../support/faults.ts";
import { type Exchange, type Responder, type Route, ScriptedServer } from "../../support/scripted-server.ts";

/** A final status that reached the server. */
export interface Final {
  readonly status: "success" | "failure";
  /** Whether the server sent the correct response to it. */
  readonly answered: boolean;
  /** The life of the agent that reported it. */
  readonly life: number;
}

/** `mumbling`: only status reports go wrong, and nothing that the device stores depends on them. */
export type Health = "well" | "mumbling" | "unwell";

/** While the server is unwell, one in this many requests goes wrong. */
const TROUBLE_EVERY = 4;

/** What the device receives instead of an answer. The server may or may not have done what was asked. */
const TROUBLES: readonly Responder[] = [reset, resetInHeader, refusal(500), refusal(503), slowDown(0)];

/**
 * A server with one deployment at a time. Like real servers, it offers the deployment until it has received the final
 * status. While it is unwell, `random` makes it refuse or reset connections, return errors, forget its tokens, or do
 * what was asked and lose the answer.
 */
export class DeploymentDesk {
  /** All reported statuses of the deployment. */
  readonly statuses: string[] = [];
  readonly finals: Final[] = [];
  readonly server: ScriptedServer;
  readonly #random: Random;
  #health: Health = "well";
  #offer: Responder | undefined;
  #isOver = false;
  #rested = new AbortController();
  #tokens = 0;
  #life = 0;
  #troubles = 0;
  #absence: Promise<void> = Promise.resolve();

  static async open(random: Random): Promise<DeploymentDesk> {
    return new DeploymentDesk(await ScriptedServer.start(), random);
  }

  private constructor(server: ScriptedServer, random: Random) {
    this.server = server;
    this.#random = random;
    this.#serve("auth", () => token(`t${++this.#tokens}`));
    this.#serve("inventory", () => empty(200));
    this.#serve("next", () => {
      if (!this.#isOver) return this.#offer ?? empty(204);
      this.#rested.abort();
      return empty(204);
    });
    this.#serve("log", () => empty(204));
    this.#serve("status", ({ body }) => {
      const { status } = JSON.parse(body.toString());
      if (status === "success" || status === "failure") this.#isOver = true;
      return empty(204);
    });
  }

  /** Number of requests without the correct answer. */
  get troubles(): number {
    return this.#troubles;
  }

  /** Whether the server has received the final status of the deployment. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Replaces the previous deployment. */
  deploy(id: string, version: string, artifact: Buffer): void {
    this.statuses.length = 0;
    this.finals.length = 0;
    this.#isOver = false;
    this.#rested = new AbortController();
    this.#offer = deployment(id, version, `${this.server.url}/${version}.mender`);
    this.#serve(`/${version}.mender`, () => file(artifact, { etag: `"${version}"` }));
  }

  feels(health: Health): void {
    this.#health = health;
  }

  /** Aborts when the device asks for the next deployment after this one has ended. */
  get rested(): AbortSignal {
    return this.#rested.signal;
  }

  get life(): number {
    return this.#life;
  }

  /** Counts another process that speaks for the device from now on. */
  nextLife(): void {
    this.#life++;
  }

  async close(): Promise<void> {
    await this.#absence;
    await this.server.close();
  }

  /** @param hear does the server's part of a request, and returns the answer */
  #serve(route: Route, hear: (exchange: Exchange) => Responder): void {
    this.server.answer(route, async (exchange) => {
      const mayFail = this.#health === "unwell" || (this.#health === "mumbling" && route === "status");
      const isTroubled = mayFail && this.#random.below(TROUBLE_EVERY) === 0;
      if (!isTroubled) return await this.#reply(exchange, hear(exchange), true);
      this.#troubles++;
      const heard = this.#random.below(2) === 0 ? hear(exchange) : undefined;
      await this.#reply(exchange, this.#trouble(route, heard), false);
    });
  }

  async #reply(exchange: Exchange, answer: Responder, answered: boolean): Promise<void> {
    const status = statusIn(exchange);
    if (status !== undefined) this.statuses.push(status);
    if (status === "success" || status === "failure") this.finals.push({ status, answered, life: this.#life });
    await answer(exchange);
  }

  #trouble(route: Route, heard: Responder | undefined): Responder {
    if (route.startsWith("/") && heard !== undefined) return this.#breakingOff(heard);
    if (this.#health === "mumbling") return this.#random.pick(TROUBLES);
    return this.#random.pick([...TROUBLES, ...(route === "auth" ? [] : [refusal(401)]), this.#leave]);
  }

  /** Stops listening for a while. */
  readonly #leave: Responder = () => {
    const forMs = 1 + this.#random.below(40);
    this.#absence = this.#absence.then(async () => {
      await this.server.down();
      await setTimeout(forMs);
      await this.server.up();
    });
  };

  #breakingOff(answer: Responder): Responder {
    const afterMs = this.#random.below(60);
    return async (exchange) => {
      await answer(exchange);
      await setTimeout(afterMs);
      exchange.socket.resetAndDestroy();
    };
  }
}

function statusIn({ path, body }: Exchange): string | undefined {
  return path.endsWith("/status") ? JSON.parse(body.toString()).status : undefined;
}
