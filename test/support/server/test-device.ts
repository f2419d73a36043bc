import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

export type KeyKind = "rsa" | "ecdsa" | "ed25519";

const MAKE: Readonly<Record<KeyKind, () => { privateKey: KeyObject; publicKey: KeyObject }>> = {
  rsa: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ecdsa: () => generateKeyPairSync("ec", { namedCurve: "prime256v1" }),
  ed25519: () => generateKeyPairSync("ed25519"),
};

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server answers
  readonly body: any;
  readonly headers: Headers;
}

/** A device that speaks to a server as real ones do. */
export class TestDevice {
  readonly identity: Record<string, string>;
  readonly #url: string;
  readonly #tenantToken: string | undefined;
  #keys: { privateKey: KeyObject; publicKey: KeyObject };
  token = "";
  /** The address that a proxy says it has. */
  address: string | undefined;

  constructor(
    url: string,
    mac: string,
    { tenantToken, kind = "ed25519" }: { tenantToken?: string; kind?: KeyKind } = {},
  ) {
    this.#url = url;
    this.identity = { mac };
    this.#tenantToken = tenantToken;
    this.#keys = MAKE[kind]();
  }

  get pubkey(): string {
    return this.#keys.publicKey.export({ type: "spki", format: "pem" }).toString();
  }

  rotateKey(kind: KeyKind = "ed25519"): void {
    this.#keys = MAKE[kind]();
  }

  /** The body of an authentication request. */
  authBody(): string {
    return JSON.stringify({
      id_data: JSON.stringify(this.identity),
      pubkey: this.pubkey,
      ...(this.#tenantToken !== undefined && { tenant_token: this.#tenantToken }),
    });
  }

  signatureOf(body: string): string {
    const { privateKey } = this.#keys;
    const algorithm = privateKey.asymmetricKeyType === "ed25519" ? null : "sha256";
    return sign(algorithm, Buffer.from(body), privateKey).toString("base64");
  }

  /**
   * Authenticates, and keeps the token if it gets one.
   *
   * @param signature `null` for none
   */
  async authenticate(body = this.authBody(), signature: string | null = this.signatureOf(body)): Promise<Answer> {
    const answer = await answerOf(
      await fetch(`${this.#url}/api/devices/v1/authentication/auth_requests`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(signature !== null && { "x-men-signature": signature }),
        },
        body,
      }),
    );
    if (answer.status === 200) this.token = answer.body;
    return answer;
  }

  async request(method: string, path: string, body?: unknown, url = this.#url): Promise<Answer> {
    return answerOf(
      await fetch(`${url}/api/devices/${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.token}`,
          ...(this.address !== undefined && { "x-forwarded-for": this.address }),
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      }),
    );
  }

  next(provides: Record<string, string>, more: Record<string, unknown> = {}): Promise<Answer> {
    return this.request("POST", "v2/deployments/device/deployments/next", { device_provides: provides, ...more });
  }

  report(deployment: string, status: string, substate?: string): Promise<Answer> {
    return this.request("PUT", `v1/deployments/device/deployments/${deployment}/status`, { status, substate });
  }
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
}
