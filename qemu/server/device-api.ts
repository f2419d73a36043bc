import { createPublicKey, randomBytes, verify } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { HOST } from "./artifact-server.ts";
import { Deployment } from "./deployment.ts";
import { callOf, type DeviceApiCall, deploymentIn } from "./device-api-calls.ts";

/** Where a deployment may wait: before the device reboots, and before it commits the new system. */
export type Gate = "reboot" | "commit";

interface Held {
  readonly gate: Gate;
  readonly response: ServerResponse;
}

type Attributes = Readonly<Record<string, unknown>>;

const LIMIT_BYTES = 16 * 1024 * 1024;

/**
 * The part of a management server that devices talk to. It accepts every device whose signature is right, keeps what
 * devices tell, and offers one deployment at a time until it has ended.
 */
export class DeviceApi {
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #tokens = new Set<string>();
  readonly #closed = new Set<Gate>();
  readonly #aborted = new Set<Gate>();
  readonly #waiting = new Set<() => void>();
  #held: Held[] = [];
  #deployment: Deployment | undefined;
  #inventory: Attributes | undefined;

  static async start(): Promise<DeviceApi> {
    const made = new DeviceApi();
    await new Promise<void>((resolve) => made.#server.listen(0, "127.0.0.1", resolve));
    return made;
  }

  /** The address of the server, for guests. */
  get url(): string {
    return `http://${HOST}:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The attributes that the device has sent last. */
  get inventory(): Attributes | undefined {
    return this.#inventory;
  }

  /** The newest deployment, until the device is forgotten. */
  get deployment(): Deployment | undefined {
    return this.#deployment;
  }

  /** Offers an Artifact from now on. Both gates are closed. */
  deploy(artifact: string, url: string, deviceTypes: readonly string[]): Deployment {
    this.#aborted.clear();
    this.#closed.add("reboot").add("commit");
    this.#deployment = new Deployment(artifact, url, deviceTypes);
    return this.#deployment;
  }

  /** Lets the device pass, now and later. */
  open(gate: Gate): void {
    this.#closed.delete(gate);
    this.#let(gate, 204);
  }

  /** Cancels the deployment: the device is told at this gate. */
  abort(gate: Gate): void {
    this.#aborted.add(gate);
    this.#closed.delete(gate);
    this.#let(gate, 409);
  }

  /** Forgets the device, its deployment and its tokens. */
  forget(): void {
    this.#deployment = undefined;
    this.#inventory = undefined;
    this.#tokens.clear();
    this.#held = [];
  }

  /** Waits until `isSo`, looking after each request. @returns whether it is so; false after `ms`, or if `signal` aborts */
  async until(isSo: () => boolean, ms: number, signal: AbortSignal): Promise<boolean> {
    const deadline = Date.now() + ms;
    while (!isSo()) {
      const left = deadline - Date.now();
      if (left <= 0 || signal.aborted) return false;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", wake);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, left);
        signal.addEventListener("abort", wake, { once: true });
        this.#waiting.add(wake);
      });
    }
    return true;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #let(gate: Gate, status: number): void {
    const passing = this.#held.filter((each) => each.gate === gate);
    this.#held = this.#held.filter((each) => each.gate !== gate);
    if (status === 409 && passing.length > 0 && this.#deployment !== undefined) this.#deployment.isAborted = true;
    for (const { response } of passing) response.writeHead(status).end();
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request).catch(() => undefined); // ignored: a device that disconnects gets no answer.
    if (body === undefined) return;
    const { method = "", url = "" } = request;
    const call = callOf(method, url);
    if (call === undefined) refuse(response, 404, "there is no such call");
    else if (call === "auth") this.#authenticate(request, body, response);
    else if (!this.#tokens.has(/^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? ""))
      refuse(response, 401, "the token is not known");
    else this.#serve(call, url, body, response);
    this.#wake();
  }

  #authenticate({ headers }: IncomingMessage, body: Buffer, response: ServerResponse): void {
    if (!isSigned(body, String(headers["x-men-signature"] ?? ""))) {
      refuse(response, 401, "the signature is wrong");
      return;
    }
    const token = randomBytes(32).toString("base64url");
    this.#tokens.add(token);
    response.writeHead(200, { "content-type": "application/jwt" }).end(token);
  }

  #serve(call: Exclude<DeviceApiCall, "auth">, url: string, body: Buffer, response: ServerResponse): void {
    const given = parsed(body);
    if (call === "next" || call === "nextV1") this.#next(response);
    else if (given === undefined) refuse(response, 400, "the body is not JSON");
    else if (call === "inventory" || call === "trouble") this.#attributes(call, given, response);
    else if (this.#deployment?.id !== deploymentIn(url)) refuse(response, 404, "there is no such deployment");
    else if (call === "log") {
      this.#deployment.log = linesOf(given);
      response.writeHead(204).end();
    } else this.#status(this.#deployment, String((given as Attributes)["status"]), response);
  }

  #next(response: ServerResponse): void {
    const deployment = this.#deployment;
    if (deployment !== undefined && deployment.end === undefined) {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(deployment.offer()));
      return;
    }
    if (deployment !== undefined) deployment.isLeft = true;
    response.writeHead(204).end();
  }

  #attributes(call: "inventory" | "trouble", given: unknown, response: ServerResponse): void {
    const named = (Array.isArray(given) ? given : []).map(({ name, value }) => [String(name), value] as const);
    this.#inventory = { ...(call === "trouble" && this.#inventory), ...Object.fromEntries(named) };
    response.writeHead(200).end();
  }

  #status(deployment: Deployment, status: string, response: ServerResponse): void {
    const gate = gateOf(deployment, status);
    deployment.report(status);
    if (gate !== undefined && this.#closed.has(gate)) {
      this.#held.push({ gate, response });
      return;
    }
    if (gate !== undefined && this.#aborted.has(gate)) deployment.isAborted = true;
    response.writeHead(deployment.isAborted ? 409 : 204).end();
  }
}

/** `installing` once more is the last report before the commit. */
function gateOf(deployment: Deployment, status: string): Gate | undefined {
  if (status === "rebooting") return "reboot";
  return status === "installing" && deployment.isOnTrial ? "commit" : undefined;
}

function refuse(response: ServerResponse, status: number, error: string): void {
  response
    .writeHead(status, { "content-type": "application/json" })
    .end(JSON.stringify({ error, request_id: "harness" }));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > LIMIT_BYTES) throw new Error("the request is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined; // ignored: the caller refuses it.
  }
}

/** The signature covers the exact bytes of the body, and the key is in the body. */
function isSigned(body: Buffer, signature: string): boolean {
  try {
    const { pubkey } = parsed(body) as { readonly pubkey: string };
    const key = createPublicKey(pubkey);
    const digest = key.asymmetricKeyType === "ed25519" ? null : "sha256";
    return verify(digest, body, key, Buffer.from(signature, "base64"));
  } catch {
    return false; // ignored: a body without a usable key.
  }
}

function linesOf(given: unknown): readonly string[] {
  const { messages } = given as { readonly messages?: unknown };
  if (!Array.isArray(messages)) return [];
  return messages.map(({ timestamp, level, message }) => `${timestamp} ${level}: ${message}`);
}
