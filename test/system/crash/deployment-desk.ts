import { setTimeout } from "node:timers/promises";
import { deployment, empty, file, refusal, slowDown, token } from "../../support/answers.ts";
import { reset, resetInHeader } from "../../support/faults.ts";
import { type Answer, type Exchange, type Route, ScriptedServer } from "../../support/scripted-server.ts";
import type { Random } from "../fuzz/random.ts";

/** A final status that has reached the server. */
export interface Final {
  readonly status: "success" | "failure";
  /** Whether the answer that the server knows of it went out as it should. */
  readonly answered: boolean;
  /** Which life of the agent told it. */
  readonly life: number;
}

/** `mumbling`: only reports of statuses go wrong, and nothing that the device keeps depends on it. */
export type Health = "well" | "mumbling" | "unwell";

/** One request in so many comes to grief while the server is unwell. */
const TROUBLE_EVERY = 4;

/** What the device hears instead of an answer. The server has then done what was asked, or has not. */
const TROUBLES: readonly Answer[] = [reset, resetInHeader, refusal(500), refusal(503), slowDown(0)];

/**
 * A server with one deployment at a time, which it offers until it has heard of its end, as real ones do. While it is
 * unwell it refuses connections, resets them, is in trouble, forgets its tokens, or does what it is asked and the
 * answer is lost: whatever `random` says.
 */
export class DeploymentDesk {
  /** All that was reported of the deployment. */
  readonly statuses: string[] = [];
  readonly finals: Final[] = [];
  readonly server: ScriptedServer;
  readonly #random: Random;
  #health: Health = "well";
  #offer: Answer | undefined;
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

  /** Requests that were not answered as they should have been. */
  get troubles(): number {
    return this.#troubles;
  }

  /** Whether the server has heard how the deployment has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Replaces the deployment that there was. */
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

  /** Aborts when the device, after its deployment has ended, asks for the next one. */
  get rested(): AbortSignal {
    return this.#rested.signal;
  }

  get life(): number {
    return this.#life;
  }

  /** Another process speaks for the device from now on. */
  nextLife(): void {
    this.#life++;
  }

  async close(): Promise<void> {
    await this.#absence;
    await this.server.close();
  }

  /** @param hear what the server does when it is asked; returns what it answers */
  #serve(route: Route, hear: (exchange: Exchange) => Answer): void {
    this.server.answer(route, async (exchange) => {
      const mayFail = this.#health === "unwell" || (this.#health === "mumbling" && route === "status");
      const isTroubled = mayFail && this.#random.below(TROUBLE_EVERY) === 0;
      if (!isTroubled) return await this.#reply(exchange, hear(exchange), true);
      this.#troubles++;
      const heard = this.#random.below(2) === 0 ? hear(exchange) : undefined;
      await this.#reply(exchange, this.#trouble(route, heard), false);
    });
  }

  async #reply(exchange: Exchange, answer: Answer, answered: boolean): Promise<void> {
    const status = statusIn(exchange);
    if (status !== undefined) this.statuses.push(status);
    if (status === "success" || status === "failure") this.finals.push({ status, answered, life: this.#life });
    await answer(exchange);
  }

  #trouble(route: Route, heard: Answer | undefined): Answer {
    if (route.startsWith("/") && heard !== undefined) return this.#breakingOff(heard);
    if (this.#health === "mumbling") return this.#random.pick(TROUBLES);
    return this.#random.pick([...TROUBLES, ...(route === "auth" ? [] : [refusal(401)]), this.#leave]);
  }

  /** Nothing listens for a while. */
  readonly #leave: Answer = () => {
    const forMs = 1 + this.#random.below(40);
    this.#absence = this.#absence.then(async () => {
      await this.server.down();
      await setTimeout(forMs);
      await this.server.up();
    });
  };

  #breakingOff(answer: Answer): Answer {
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
