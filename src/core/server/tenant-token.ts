import * as z from "zod/mini";
import { AgentError } from "../../errors/agent-error.ts";
import { expectStatus, type ServerConnection, sendToServer } from "./exchange.ts";

/** A user's account on a server. */
export interface Account {
  readonly username: string;
  readonly password: string;
}

const Tenant = z.object({ tenant_token: z.string() });

/**
 * Logs in to a server once to get the tenant token that the user's devices must send. Keeps nothing of the login.
 *
 * @returns `undefined` for a server without tenants
 * @throws {AgentError} SETUP_LOGIN, SERVER_STATUS, SERVER_ANSWER, TRANSPORT_FAILED, SERVER_TIMEOUT
 */
export async function fetchTenantToken(
  parts: ServerConnection,
  server: string,
  { username, password }: Account,
  signal: AbortSignal,
): Promise<string | undefined> {
  const basic = Buffer.from(`${username}:${password}`).toString("base64");
  const login = {
    method: "POST",
    path: "/api/management/v1/useradm/auth/login",
    body: "",
    headers: { authorization: `Basic ${basic}` },
  } as const;
  const granted = await sendToServer(parts, server, login, signal);
  if (granted.status === 401) throw new AgentError("SETUP_LOGIN", { server, username });
  expectStatus(granted, 200, login);
  const ask = {
    method: "GET",
    path: "/api/management/v1/tenantadm/user/tenant",
    headers: { authorization: `Bearer ${granted.text.trim()}` },
  } as const;
  const answer = await sendToServer(parts, server, ask, signal);
  if (answer.status === 404) return undefined;
  expectStatus(answer, 200, ask);
  return tokenIn(answer.text, ask.path);
}

function tokenIn(text: string, path: string): string {
  try {
    return z.parse(Tenant, JSON.parse(text)).tenant_token;
  } catch (cause) {
    throw new AgentError("SERVER_ANSWER", { path }, cause);
  }
}
