import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { diskActs, diskReads } from "../../../adapters/files/disk.ts";
import { textOf } from "../../../src/artifact/meta-data.ts";
import { openForInstall } from "../../../src/core/install/open-artifact.ts";
import { createScriptStage } from "../../../src/core/scripts/extract.ts";
import { inPieces } from "../../artifact/read-all.ts";
import { severalPayloads } from "../../artifact/several-payloads.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "open-artifact-"));
});
afterEach(() => rm(dir, { recursive: true }));

const SMALL = { a: [1, "ä"] };
const LARGE = { text: "ö".repeat(100_000) };

test("a handler gets meta-data parsed, as text and as bytes, from memory and from disk", async () => {
  const bytes = severalPayloads("v2", [
    { type: "a", files: { one: "1" }, metaData: SMALL },
    { type: "b", files: { two: "2" }, metaData: LARGE },
    { type: "c", files: { three: "3" } },
  ]);
  const scriptStage = createScriptStage(join(dir, "scripts"), diskActs, diskReads);
  const opened = await openForInstall(inPieces(bytes, 5000), { verifyKeys: [], scriptStage });
  expect(await readdir(join(dir, "scripts/.staged")), "a file without a name").toEqual([]);
  await scriptStage.admit([]);
  const found = [];
  for (let payload = await opened.payloads.next(); payload !== undefined; payload = await opened.payloads.next()) {
    const { context } = payload;
    expect(context.metaData).toBe(context.metaData);
    const { metaData, texts, metaDataSource } = context;
    found.push([metaData, texts.metaData, metaDataSource && textOf(metaDataSource)]);
    expect("metaData" in context).toBe(metaData !== undefined);
    expect([context.headerInfo, context.typeInfo]).toMatchObject([
      JSON.parse(texts.headerInfo),
      { type: context.payloadType },
    ]);
  }
  const three = (value: unknown): unknown[] => [value, JSON.stringify(value), JSON.stringify(value)];
  expect(found).toEqual([three(SMALL), three(LARGE), [undefined, undefined, undefined]]);
  await opened.close();
  expect(await readdir(dir)).not.toContain("scripts");
});

test("if the Artifact turns out to be invalid, stored meta-data is removed", async () => {
  const whole = severalPayloads("v2", [{ type: "b", files: { two: "2" }, metaData: LARGE }]);
  const broken = Buffer.from(whole);
  broken[broken.indexOf("öööö") + 10] = 0xff;
  const scriptStage = createScriptStage(join(dir, "scripts"), diskActs, diskReads);
  const opened = openForInstall(inPieces(broken, 5000), { verifyKeys: [], scriptStage });
  await expect(opened).rejects.toMatchObject({ code: "ARTIFACT_CHECKSUM" });
  expect(await readdir(dir)).toEqual([]);
});
