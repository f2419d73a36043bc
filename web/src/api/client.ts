/** The server has refused a request, or was not reached (`status` 0). */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly status: number;
  /** The stable code of the server. */
  readonly code: string;
  readonly requestId: string | undefined;
  /** What else the answer has. */
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, body: Readonly<Record<string, unknown>>) {
    super(typeof body["error"] === "string" ? body["error"] : `status ${status}`);
    this.status = status;
    this.code = typeof body["code"] === "string" ? body["code"] : "";
    this.requestId = typeof body["request_id"] === "string" ? body["request_id"] : undefined;
    this.body = body;
  }
}

interface Call {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

export interface Answer<T> {
  readonly data: T;
  /** How many there are in all, of a list with pages. */
  readonly total: number | undefined;
}

/** What pages send to show that they are the console's own. It belongs to the session, and is never stored. */
let pageSecret: string | undefined;

export function usePageSecret(secret: string | undefined): void {
  pageSecret = secret;
}

const signedOut = new Set<() => void>();

/** Calls back when the server does not know the session any more. @returns what ends that */
export function onSignedOut(listener: () => void): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

/** The server does not know the session any more. */
export function tellSignedOut(): void {
  for (const listener of signedOut) listener();
}

/** Its refusals are about a password. */
const SIGN_IN = "/api/management/v1/session";

/** Calls the API of the server. @throws {Refused} */
export async function call<T>(
  method: string,
  path: string,
  { query = {}, body, signal }: Call = {},
): Promise<Answer<T>> {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  const answer = await fetch(url, {
    method,
    credentials: "same-origin",
    headers: {
      accept: "application/json",
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(method !== "GET" && pageSecret !== undefined && { "x-csrf-token": pageSecret }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal !== undefined && { signal }),
  }).catch((error: unknown) => {
    if (signal?.aborted === true) throw error;
    throw new Refused(0, { error: String(error) });
  });
  if (!answer.ok) {
    const refused = new Refused(answer.status, await bodyOf(answer));
    if (refused.status === 401 && path !== SIGN_IN) tellSignedOut();
    throw refused;
  }
  const total = answer.headers.get("x-total-count");
  const data = (answer.status === 204 ? undefined : await answer.json()) as T;
  return { data, total: total === null ? undefined : Number(total) };
}

/** A proxy may answer with something else than JSON. */
async function bodyOf(answer: Response): Promise<Record<string, unknown>> {
  const text = await answer.text();
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { error: text.slice(0, 200) };
  }
}
