import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PayloadRequest } from "../../../src/artifact/artifact-request.ts";
import { metaDataOf } from "../../../src/artifact/meta-data.ts";
import { moduleRequest } from "../../artifact/artifact-requests.ts";
import { cli, codesOf, TestBoard } from "../../support/test-board.ts";

const META_DATA =
  '{"huge":1E400,"exact":9007199254740993,"__proto__":{"a":1},"nested":[{"__proto__":"x","n":-1.50}],"2":1,"1":2}';

let board: TestBoard;
beforeEach(async () => {
  board = await TestBoard.make();
  await mkdir(board.path("share/modules/v3"), { recursive: true });
  const module = board.path("share/modules/v3/keeper");
  await writeFile(
    module,
    `#!/bin/sh
case "$1" in
  Download) cp "$2/header/meta-data" "${board.file("seen")}" ;;
  SupportsRollback) echo Yes ;;
esac
`,
  );
  await chmod(module, 0o755);
});
afterEach(() => board.remove());

const install = async (name: string, payload: Partial<PayloadRequest>) =>
  await board.agent("install", await board.write(moduleRequest({ type: "keeper", ...payload }, { name })));

async function installed(name: string, payload: Partial<PayloadRequest>): Promise<readonly string[]> {
  expect(await install(name, payload)).toMatchObject({ exitCode: 0, err: [] });
  expect((await board.agent("commit")).exitCode).toBe(0);
  return (await board.agent("show-provides")).out;
}

const odd = (value: string): Record<string, string> => Object.fromEntries([["__proto__", value]]);

test("a module gets meta-data as they are written, numbers that JavaScript cannot hold among them", async () => {
  await installed("v2", { metaData: metaDataOf(Buffer.from(META_DATA)) });
  const seen = await readFile(board.file("seen"), "utf8");
  expect(seen.replace(/[ \n]/g, "")).toBe(META_DATA);
  expect(seen).toContain('\n  "huge": 1E400,\n');
});

test("'artifact write' and 'artifact read' leave meta-data as they are written, too", async () => {
  await writeFile(board.file("meta.json"), META_DATA.replaceAll(",", " ,\n"));
  const output = board.file("written.mender");
  const write = ["artifact", "write", "module-image", "-t", "a", "-n", "v2", "-T", "keeper", "-o", output];
  expect(await cli("switchback", [...write, "-m", board.file("meta.json")])).toMatchObject({ exitCode: 0, err: [] });
  const json = await cli("switchback", ["artifact", "read", "--json", output]);
  expect(json.out[0]).toContain(`"metadata":${META_DATA}}]}`);
  const text = await cli("switchback", ["artifact", "read", output]);
  expect(text.out).toEqual(expect.arrayContaining(['\t  "huge": 1E400,', '\t  "exact": 9007199254740993,']));
  for (const broken of ["[]", "{", '{"a":"\\ud800"}']) {
    await writeFile(board.file("meta.json"), broken);
    expect(codesOf(await cli("switchback", [...write, "-m", board.file("meta.json")]))).toEqual(["META_DATA_INVALID"]);
  }
});

test("a key __proto__ is provided, depended on and cleared like any other", async () => {
  expect(await installed("v2", { provides: { ...odd("x"), other: "y" }, clearsProvides: ["nothing"] })).toEqual([
    "__proto__=x",
    "artifact_name=v2",
    "other=y",
  ]);
  const refused = await install("v3", { depends: odd("z") });
  expect([refused.exitCode, codesOf(refused)]).toEqual([1, ["DEPENDS_MISMATCH"]]);
  expect(await installed("v3", { depends: odd("x"), clearsProvides: ["__proto__"] })).toEqual([
    "artifact_name=v3",
    "other=y",
  ]);
});

const many = (prefix: string, count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, ""]));

test("provides that no Artifact clears are bounded before anything is written", async () => {
  await installed("v2", { provides: many("a", 6000), clearsProvides: ["nothing"] });
  const before = await board.stored();
  const refused = await install("v3", { provides: many("b", 6000), clearsProvides: ["nothing"] });
  expect([refused.exitCode, codesOf(refused)]).toEqual([1, ["PROVIDES_LIMIT"]]);
  expect(await board.stored()).toEqual(before);
  expect(await installed("v3", { provides: many("b", 6000), clearsProvides: ["a*"] })).toHaveLength(6001);
});
