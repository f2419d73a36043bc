import { readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cli, codesOf, TestBoard } from "../support/test-board.ts";

/** The newest client ends a refused installation in the same way. */
const REFUSED = ["Streaming failed.", "System not modified."];

let board: TestBoard;
beforeEach(async () => {
  board = await TestBoard.make();
});
afterEach(() => board.remove());

const conf = (): string => board.path("etc/mender.conf");

test("an unsigned Artifact is refused if the key is written as a list, and the error names the place", async () => {
  await board.configure({ ArtifactVerifyKey: [board.file("key.pem")] });
  const slot = await board.slot("B");
  const refused = await board.agent("install", await board.release("v2"));
  expect([refused.exitCode, codesOf(refused), refused.out]).toEqual([1, ["CONFIG_INVALID"], REFUSED]);
  expect(refused.err[0]).toMatch(/line=1, column=\d+, key=ArtifactVerifyKey, reason=it must be a string/);
  expect((await board.slot("B")).equals(slot)).toBe(true);
});

for (const spoil of [
  (text: string) => text.replace("{", "{\n// board\n"),
  (text: string) => text.replace(/\}\s*$/, ",}"),
  (text: string) => text.replace("{", '{"TenantToken": @TOKEN@,'),
]) {
  test(`with the slots in the fallback file, and a main file like ${spoil("{}")}, nothing is installed`, async () => {
    const text = await readFile(conf(), "utf8");
    await writeFile(board.path("data/mender.conf"), text);
    await writeFile(conf(), spoil(text));
    const slot = await board.slot("B");
    const refused = await board.agent("install", await board.release("v2"));
    expect([refused.exitCode, codesOf(refused), refused.out]).toEqual([1, ["CONFIG_INVALID"], REFUSED]);
    expect(refused.err[0]).toContain(`file=${conf()}, line=`);
    expect((await board.slot("B")).equals(slot)).toBe(true);
    expect((await board.agent("show-artifact")).exitCode).toBe(0);
    const found = await board.agent("doctor");
    expect(found.out.join("\n")).toContain(`file=${conf()}, line=`);
  });
}

for (const keys of [
  { ServerURL: "mender.example.com" },
  { Servers: [{ ServerURL: "x" }] },
  { ServerURL: "https://a.example", Servers: [{ ServerURL: "https://b.example" }] },
  { Security: { SSLEngine: "pkcs11" } },
  { HttpsClient: { SSLEngine: "pkcs11" } },
  { HttpsClient: { Certificate: "/c.pem" } },
  { RetryDownloadCount: 0 },
  { ArtifactVerifyKey: "/none", ArtifactVerifyKeys: ["/none"] },
]) {
  test(`an update can be committed and rolled back with ${JSON.stringify(keys)}, and the doctor names it`, async () => {
    await board.agent("install", await board.release("v2"));
    await board.configure(keys);
    expect(await board.agent("rollback")).toMatchObject({ exitCode: 0, out: ["Rolled back."] });
    for (const command of ["commit", "resume"]) {
      await board.configure(Object.fromEntries(Object.keys(keys).map((key) => [key, undefined])));
      await board.agent("install", await board.release(command));
      await board.boot();
      await board.configure(keys);
      expect((await board.agent(command)).exitCode).toBe(0);
      expect((await board.agent("show-artifact")).out).toEqual([command]);
    }
    expect((await board.agent("doctor")).out.join("\n")).toMatch(/^wrong .*(?:CONFIG_INVALID|KEY_ENGINE_UNSUPPORTED)/m);
  });
}

test("a configuration that breaks during an update does not stop the user from deciding", async () => {
  await board.agent("install", await board.release("v2"));
  await board.boot();
  const text = await readFile(conf(), "utf8");
  await writeFile(board.path("data/mender.conf"), text);
  await writeFile(conf(), "{,");
  expect(await board.agent("commit")).toMatchObject({ exitCode: 0, out: ["Committed."] });
});

test("a boot loader that is configured wrongly leaves the update pending, to be decided when that is set right", async () => {
  await board.agent("install", await board.release("v2"));
  await board.boot();
  const text = await readFile(conf(), "utf8");
  await board.configure({ RootfsPartA: "" });
  for (const command of ["commit", "rollback", "resume"]) {
    const refused = await board.agent(command);
    expect([command, refused.exitCode, codesOf(refused)]).toEqual([command, 1, ["CONFIG_INVALID"]]);
  }
  await writeFile(conf(), text);
  expect(await board.agent("commit")).toMatchObject({ exitCode: 0, out: ["Committed."] });
  expect((await board.agent("show-artifact")).out).toEqual(["v2"]);
});

test("a daemon whose server may stand in a file that is broken says where it is broken", async () => {
  await writeFile(conf(), '{"ServerURL": }');
  const refused = await cli("switchback", [...board.options, "poll"]);
  expect([refused.exitCode, codesOf(refused)]).toEqual([1, ["CONFIG_INVALID"]]);
  expect(refused.err[0]).toContain("line=1, column=15");
});
