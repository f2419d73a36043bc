import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Config, loadConfig } from "../../src/config/config.ts";
import { readProvides } from "../../src/core/install/provides.ts";
import { parseAttributes } from "../../src/core/server/script-output.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-sound-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function load(text: string | Buffer): Promise<{ readonly config: Config; readonly said: readonly string[] }> {
  const main = join(folder, "mender.conf");
  await writeFile(main, text);
  const said: string[] = [];
  const files = { main, fallback: join(folder, "none"), mainRequired: true, fallbackRequired: false };
  return { config: await loadConfig(files, (_, message) => said.push(message.replaceAll(folder, "DIR"))), said };
}

test.each([
  ["half a surrogate pair", '{"RootfsPartA": "/dev/\\ud800", "RootfsPartB": "/dev/b"}'],
  ["bytes that are no UTF-8", Buffer.from('{"RootfsPartA": "/dev/\xff", "RootfsPartB": "/dev/b"}', "latin1")],
])("a setting with %s is ignored with a warning", async (_, text) => {
  const { config, said } = await load(text);
  expect([config.rootfsPartA, config.rootfsPartB]).toEqual([undefined, "/dev/b"]);
  expect(said).toContain("DIR/mender.conf: RootfsPartA is ignored: it is not text in UTF-8");
});

test.each(['"/k\\ud800"', '["/k\\udc00"]'])("nothing is installed where a trusted key's name is %s", async (value) => {
  const key = value.startsWith("[") ? "ArtifactVerifyKeys" : "ArtifactVerifyKey";
  const { config } = await load(`{"${key}": ${value}}`);
  expect(() => config.artifactVerifyKeys).toThrow("The configuration is not valid.");
});

test("a line of a script's output that is no UTF-8 ends what counts of it", () => {
  const output = Buffer.from("a=1\nmac=\xff\nb=2\n", "latin1").toString("utf8");
  const { attributes, odd } = parseAttributes(output);
  expect([[...attributes], odd]).toEqual([[["a", ["1"]]], { line: "mac=\ufffd" }]);
});

test("stored provides with half a surrogate pair are made such that they can be sent", () => {
  const stored = new Map([
    ["artifact-name", "v\ud800"],
    ["artifact-group", "g\udc00"],
    ["artifact-provides", '{"k\\ud800": "x\\udc00", "pair": "\\ud83d\\udc4d"}'],
  ]);
  const provides = { "k\ufffd": "x\ufffd", pair: "👍" };
  expect(readProvides(stored)).toEqual({ name: "v\ufffd", group: "g\ufffd", provides });
});
