import { randomUUID } from "node:crypto";
import { addUser } from "../../../server/adapters/postgres/people.ts";
import { addSession } from "../../../server/adapters/postgres/sessions.ts";
import type { ScopedSet } from "../../../server/domain/permissions/matrix.ts";
import type { TestServer } from "./test-server.ts";

const ORIGIN = { address: "192.0.2.1", userAgent: "test" };

interface TestPerson {
  readonly id: string;
  readonly token: string;
  request(method: string, path: string, body?: unknown): Promise<Response>;
}

/** A user with these roles, and a session of theirs. Nobody knows the password. */
export async function addPerson(server: TestServer, roles: readonly string[]): Promise<TestPerson> {
  const { postgres, tokens } = server.server.services;
  const { id: tenant } = server.tenant;
  const { id, jti } = await postgres.inTenant(tenant, async (session) => {
    const user = await addUser(session, tenant, `${randomUUID()}@example.com`, "no hash", roles);
    return { id: user.id, jti: await addSession(session, tenant, user.id, null, ORIGIN) };
  });
  const token = await tokens.sign({ jti, sub: id, tenant, kind: "user" }, 3600);
  const headers = { authorization: `Bearer ${token}` };
  return { id, token, request: (method, path, body) => server.request(method, path, body, headers) };
}

/** Makes a role as an administrator. */
export async function addRole(server: TestServer, name: string, sets: readonly ScopedSet[]): Promise<void> {
  const body = { name, permission_sets_with_scope: sets };
  const answer = await server.request("POST", "/api/management/v2/useradm/roles", body);
  if (answer.status !== 201) throw new Error(`role: ${answer.status} ${await answer.text()}`);
}
