import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadSigningKey } from "../../src/artifact/signing.ts";
import { makeArtifact, upload } from "../support/server/artifacts.ts";
import { addPerson, addRole } from "../support/server/people.ts";
import { query } from "../support/server/seed.ts";
import { startTestServer, type TestServer } from "../support/server/test-server.ts";

const BASE = "/api/management/v1/deployments";
const KEYS = `${BASE}/signing-keys`;
const CHANNELS = `${BASE}/channels`;
const RELEASES = "/api/management/v2/deployments/deployments/releases";

let server: TestServer;
let folder: string;
beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(tmpdir(), "keys-"));
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

function keyPair(name: string): { readonly pem: string; readonly path: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const path = join(folder, name);
  writeFileSync(path, privateKey.export({ type: "pkcs8", format: "pem" }));
  return { pem: publicKey.export({ type: "spki", format: "pem" }).toString(), path };
}

/** @param by the file of the private key */
async function release(name: string, by?: string, deviceTypes = ["board-a"]): Promise<Response> {
  const key = by === undefined ? undefined : await loadSigningKey(by, () => {});
  const bytes = await makeArtifact({ name, deviceTypes, ...(key !== undefined && { key }) });
  return upload(server, bytes);
}

const codeOf = async (answer: Response): Promise<readonly unknown[]> => [
  answer.status,
  ((await answer.json()) as { code?: string }).code,
];
const signedBy = async (name: string): Promise<unknown> => {
  const found = (await (await server.request("GET", `${RELEASES}/${name}`)).json()) as {
    artifacts: { signed: boolean; signed_by?: string }[];
  };
  return found.artifacts.map((one) => one.signed_by);
};
const set = (channel: string, policy: object) => server.request("PUT", `${CHANNELS}/${channel}`, policy);
const promote = (channel: string, name: string, by: Pick<TestServer, "request"> = server) =>
  by.request("POST", `${CHANNELS}/${channel}/promotions`, { release: name });
const releaseOf = async (channel: string): Promise<unknown> =>
  ((await (await server.request("GET", `${CHANNELS}/${channel}`)).json()) as { release?: string }).release;

test("the server says which key has signed an Artifact, whichever came first, until the key is removed", async () => {
  const [first, second] = [keyPair("first"), keyPair("second")];
  expect((await release("early", first.path)).status).toBe(201);
  expect((await release("unsigned")).status).toBe(201);
  expect(await signedBy("early")).toEqual([undefined]);
  const added = await server.request("POST", KEYS, { name: "first", pem: first.pem });
  expect([added.status, await added.json()]).toEqual([201, { artifacts: 1 }]);
  expect((await server.request("POST", KEYS, { name: "second", pem: second.pem })).status).toBe(201);
  await release("late", second.path);
  expect([await signedBy("early"), await signedBy("late"), await signedBy("unsigned")]).toEqual([
    ...[["first"], ["second"], [undefined]],
  ]);
  const list = (await (await server.request("GET", KEYS)).json()) as { name: string; algorithm: string }[];
  expect(list.map(({ name, algorithm }) => [name, algorithm])).toEqual([
    ["first", "ecdsa-p256"],
    ["second", "ecdsa-p256"],
  ]);
  expect((await server.request("DELETE", `${KEYS}/second`)).status).toBe(204);
  expect(await signedBy("late")).toEqual([undefined]);
  expect(await codeOf(await server.request("DELETE", `${KEYS}/second`))).toEqual([404, "NOT_FOUND"]);
});

test("what is no good public key is refused", async () => {
  const { pem, path } = keyPair("known");
  const { readFileSync } = await import("node:fs");
  expect((await server.request("POST", KEYS, { name: "known", pem })).status).toBe(201);
  for (const [body, expected] of [
    [{ name: "other", pem }, [409, "CONFLICT"]],
    [{ name: "known", pem: keyPair("x").pem }, [409, "CONFLICT"]],
    [{ name: "private", pem: readFileSync(path, "utf8") }, [400, "REQUEST_INVALID"]],
    [{ name: "text", pem: "no key" }, [400, "REQUEST_INVALID"]],
  ] as const)
    expect(await codeOf(await server.request("POST", KEYS, body))).toEqual(expected);
});

test("a channel takes only what its policy allows, and the Artifacts that its release gets later as well", async () => {
  const [good, other] = [keyPair("good"), keyPair("other")];
  await server.request("POST", KEYS, { name: "good", pem: good.pem });
  await server.request("POST", KEYS, { name: "other", pem: other.pem });
  for (const [name, by] of [
    ["by-good", good.path],
    ["by-other", other.path],
    ["by-nobody", undefined],
    ["by-unknown", keyPair("unknown").path],
  ] as const)
    await release(name, by);
  expect((await set("strict", { keys: ["good"] })).status).toBe(204);
  expect((await set("signed", { keys: [] })).status).toBe(204);
  expect((await set("open", {})).status).toBe(204);
  const answers = async (channel: string) =>
    Promise.all(
      ["by-good", "by-other", "by-nobody", "by-unknown"].map(async (name) => (await promote(channel, name)).status),
    );
  expect([await answers("strict"), await answers("signed"), await answers("open")]).toEqual([
    [201, 422, 422, 422],
    [201, 201, 422, 422],
    [201, 201, 201, 201],
  ]);
  expect(await codeOf(await promote("strict", "by-other"))).toEqual([422, "SIGNATURE_REFUSED"]);
  expect(await releaseOf("strict")).toBe("by-good");
  expect(await codeOf(await release("by-good", other.path, ["board-b"]))).toEqual([422, "SIGNATURE_REFUSED"]);
  expect((await release("by-good", good.path, ["board-b"])).status).toBe(201);
  expect(await codeOf(await server.request("DELETE", `${KEYS}/good`))).toEqual([409, "CONFLICT"]);
});

test("a release passes through the channels in their order", async () => {
  await release("passing");
  await set("dev", {});
  await set("beta", { after: "dev" });
  expect(await codeOf(await promote("beta", "passing"))).toEqual([422, "NOT_POSSIBLE"]);
  expect((await promote("dev", "passing")).status).toBe(201);
  expect((await promote("beta", "passing")).status).toBe(201);
  expect([await releaseOf("dev"), await releaseOf("beta")]).toEqual(["passing", "passing"]);
  expect(await codeOf(await promote("dev", "missing"))).toEqual([422, "NOT_POSSIBLE"]);
  expect(await codeOf(await promote("missing", "passing"))).toEqual([404, "NOT_FOUND"]);
  expect(await codeOf(await set("dev", { after: "beta" }))).toEqual([422, "NOT_POSSIBLE"]);
  expect(await codeOf(await set("dev", { after: "missing" }))).toEqual([422, "NOT_POSSIBLE"]);
  expect(await codeOf(await set("dev", { keys: ["missing"] }))).toEqual([422, "NOT_POSSIBLE"]);
  expect(await codeOf(await server.request("DELETE", `${CHANNELS}/dev`))).toEqual([409, "CONFLICT"]);
  const events = await query<{ data: unknown }>(
    server,
    `SELECT data FROM (SELECT type, data FROM outbox UNION ALL SELECT type, data FROM events) AS x
      WHERE type = 'release-promoted' AND data ->> 'release' = 'passing'`,
  );
  expect(events).toHaveLength(2);
});

test("others approve what somebody promotes, as many as the policy asks for; what is newer replaces what waits", async () => {
  await release("v1");
  await release("v2");
  await set("stable", { approvals: 2 });
  await addRole(server, "approvers", [{ name: "PromoteReleases" }]);
  const [first, second] = [await addPerson(server, ["approvers"]), await addPerson(server, ["approvers"])];
  const old = (await (await promote("stable", "v1")).json()) as { id: string; state: string };
  const waiting = (await (await promote("stable", "v2")).json()) as { id: string; state: string };
  expect([old.state, waiting.state, await releaseOf("stable")]).toEqual(["waiting", "waiting", undefined]);
  const decide = (id: string, decision: string, by: Pick<TestServer, "request">) =>
    by.request("POST", `${CHANNELS}/stable/promotions/${id}/decision`, { decision });
  expect(await codeOf(await decide(old.id, "approve", first))).toEqual([422, "NOT_POSSIBLE"]);
  expect(await codeOf(await decide(waiting.id, "approve", server))).toEqual([422, "OWN_PROMOTION"]);
  expect(await (await decide(waiting.id, "approve", first)).json()).toMatchObject({ state: "waiting" });
  expect(await codeOf(await decide(waiting.id, "approve", first))).toEqual([422, "OWN_PROMOTION"]);
  expect(await releaseOf("stable")).toBeUndefined();
  expect(await (await decide(waiting.id, "approve", second)).json()).toMatchObject({
    ...{ state: "done", release: "v2" },
    approved: [{ id: first.id }, { id: second.id }],
  });
  expect(await releaseOf("stable")).toBe("v2");
  const again = (await (await promote("stable", "v1")).json()) as { id: string };
  expect(await (await decide(again.id, "reject", second)).json()).toMatchObject({
    ...{ state: "rejected", rejected_by: { id: second.id } },
  });
  expect(await releaseOf("stable")).toBe("v2");
  const history = (await (await server.request("GET", `${CHANNELS}/stable/promotions`)).json()) as { state: string }[];
  expect(history.map(({ state }) => state)).toEqual(["rejected", "done", "superseded"]);
  const records = await query<{ action: string }>(
    server,
    "SELECT action FROM audit WHERE object ->> 'type' = 'channel' AND object ->> 'id' = 'stable' ORDER BY seq",
  );
  expect(records.map(({ action }) => action)).toEqual([
    ...["create", "promote", "promote", "approve", "approve", "promote", "reject"],
  ]);
});

test("who is limited to tags promotes only releases with them, and changes no channel", async () => {
  await release("ours");
  await release("theirs");
  await server.request("PUT", `${RELEASES}/ours/tags`, ["ours"]);
  await set("free", {});
  await addRole(server, "ours only", [{ name: "PromoteReleases", scope: { type: "ReleaseTags", value: ["ours"] } }]);
  const person = await addPerson(server, ["ours only"]);
  expect(await codeOf(await promote("free", "theirs", person))).toEqual([422, "NOT_POSSIBLE"]);
  expect((await promote("free", "ours", person)).status).toBe(201);
  expect(await codeOf(await person.request("PUT", `${CHANNELS}/free`, {}))).toEqual([403, "FORBIDDEN"]);
});
