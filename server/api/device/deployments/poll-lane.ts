import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { NextRequestV2 } from "../../../../src/protocol/api/devices.ts";
import type { RunningDeployments } from "../../../adapters/postgres/running-deployments.ts";
import type { RepeatedBodies } from "../../repeated-bodies.ts";
import type { DeviceMemories } from "../device-memories.ts";
import { NEXT_V2 } from "./next-routes.ts";
import type { Polls } from "./poll.ts";
import { readSaid } from "./said.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** What a lane asks, all of it in memory. */
export interface LaneMemory {
  readonly memories: Pick<DeviceMemories, "known">;
  readonly running: Pick<RunningDeployments, "known">;
  readonly bodies: Pick<RepeatedBodies<NextRequestV2>, "find">;
  readonly polls: Pick<Polls, "answerFromMemory">;
}

interface Waiting {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly fastify: Handler;
  readonly begin: number;
}

const BEARER = "Bearer ";
/** A longer body is not remembered. */
const BODY_MAX_BYTES = 4096;

/**
 * Answers polls in front of Fastify, whose way through hooks, parsers and replies costs as much as all the rest of a
 * poll. It takes only what it can answer at once from memory with 204. Fastify gets every other request untouched, and
 * answers a poll of the lane in the same way: whether a request takes the lane shows in nothing but its time.
 */
export class PollLane {
  readonly #memory: LaneMemory;
  /**
   * The polls of this turn of the event loop. At its end, all their bodies that came with the headers have been parsed.
   * The answers then leave together: one by one, each would wake up its client by itself, which takes longer than all
   * else.
   */
  #waiting: Waiting[] = [];
  readonly #listeners: ((seconds: number) => void)[] = [];

  constructor(memory: LaneMemory) {
    this.#memory = memory;
  }

  /** Calls back for each answered poll, with the time that it took. Fastify's hooks do not see these polls. */
  onAnswer(listener: (seconds: number) => void): void {
    this.#listeners.push(listener);
  }

  /** Answers a request soon, or hands it on to `fastify`. */
  handle(request: IncomingMessage, response: ServerResponse, fastify: Handler): void {
    if (!isOrdinaryPoll(request)) fastify(request, response);
    else if (this.#waiting.push({ request, response, fastify, begin: performance.now() }) === 1)
      setImmediate(this.#answerAll);
  }

  readonly #answerAll = (): void => {
    const polls = this.#waiting;
    this.#waiting = [];
    for (const poll of polls) if (!this.#answer(poll)) poll.fastify(poll.request, poll.response);
  };

  /** @returns whether there is nothing left to do for Fastify */
  #answer({ request, response, begin }: Waiting): boolean {
    const { memories, running, bodies, polls } = this.#memory;
    // The client has left.
    if (request.destroyed) return true;
    if (!request.complete || request.readableLength !== Number(request.headers["content-length"])) return false;
    const { authorization = "" } = request.headers;
    const caller = authorization.startsWith(BEARER) ? memories.known(authorization.slice(BEARER.length)) : undefined;
    const set = caller && running.known(caller.tenant);
    if (caller === undefined || set === undefined) return false;
    const bytes = request.read() as Buffer;
    const body = bodies.find(bytes.toString());
    const said = body && readSaid(body.device_provides);
    const answer = said && polls.answerFromMemory(caller, said, set);
    if (answer === undefined) {
      // The stream says that it has ended when nothing is left to read, and not before the next tick.
      request.unshift(bytes);
      return false;
    }
    const { retryAfterS } = answer;
    const retry = retryAfterS === undefined ? {} : { "retry-after": String(retryAfterS) };
    response.writeHead(204, { "x-men-requestid": randomUUID(), ...retry });
    response.end();
    const seconds = (performance.now() - begin) / 1000;
    for (const listener of this.#listeners) listener(seconds);
    return true;
  }
}

function isOrdinaryPoll({ url, method, headers, httpVersion }: IncomingMessage): boolean {
  return (
    url === NEXT_V2 &&
    method === "POST" &&
    httpVersion === "1.1" &&
    headers["content-type"] === "application/json" &&
    Number(headers["content-length"]) <= BODY_MAX_BYTES &&
    headers["content-length"] !== "0" &&
    headers["transfer-encoding"] === undefined &&
    headers.expect === undefined
  );
}
