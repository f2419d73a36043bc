import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { REMEDIES } from "../../scripts/docs/remedies.ts";
import { filesBelow } from "../../scripts/lib/files.ts";
import { ERRORS, type ErrorCode, entryOf } from "../../src/errors/catalogue.ts";

const codes = Object.keys(ERRORS);
const own = "test/errors/catalogue.test.ts";
const files = (await filesBelow("test", ".ts")).filter((path) => path !== own);
const text = (await Promise.all(files.map((path) => readFile(path, "utf8")))).join("\n");
const reference = await readFile(join("docs/reference/errors.md"), "utf8");

test("the catalogue is looked at as a whole", () => {
  expect(codes.length).toBeGreaterThan(20);
  expect(new Set(codes).size).toBe(codes.length);
});

for (const code of codes) {
  test(`${code} is provoked by a test and documented in the manual`, () => {
    expect(new RegExp(`\\b${code}\\b`).test(text), `no test names ${code}`).toBe(true);
    expect(reference).toContain(`\n### \`${code}\`\n`);
  });
}

test("no two subjects use the same code", async () => {
  const { AGENT_ERRORS } = await import("../../src/errors/agent-errors.ts");
  const { ARTIFACT_ERRORS } = await import("../../src/errors/artifact-errors.ts");
  const { BOARD_ERRORS } = await import("../../src/errors/board-errors.ts");
  const { ADAPTER_ERRORS } = await import("../../src/errors/adapter-errors.ts");
  const { SERVER_ERRORS } = await import("../../src/errors/server-errors.ts");
  const { DUMP_ERRORS } = await import("../../src/errors/dump-errors.ts");
  const { PARTITION_ERRORS } = await import("../../src/errors/partition-errors.ts");
  const { TAKEOVER_ERRORS } = await import("../../src/errors/takeover-errors.ts");
  const device = [
    ADAPTER_ERRORS,
    AGENT_ERRORS,
    ARTIFACT_ERRORS,
    BOARD_ERRORS,
    DUMP_ERRORS,
    SERVER_ERRORS,
    TAKEOVER_ERRORS,
  ];
  const { IMAGE_FILE_ERRORS } = await import("../../src/errors/image-file-errors.ts");
  const { IMAGE_ERRORS } = await import("../../src/errors/image-errors.ts");
  const { INSPECT_ERRORS } = await import("../../src/errors/inspect-errors.ts");
  const { CONVERT_ERRORS } = await import("../../src/errors/convert-errors.ts");
  const { YOCTO_ERRORS } = await import("../../src/errors/yocto-errors.ts");
  const { HARNESS_ERRORS } = await import("../../src/errors/harness-errors.ts");
  const { FLEET_ERRORS } = await import("../../src/errors/fleet-errors.ts");
  const tools = [
    PARTITION_ERRORS,
    IMAGE_FILE_ERRORS,
    IMAGE_ERRORS,
    INSPECT_ERRORS,
    CONVERT_ERRORS,
    YOCTO_ERRORS,
    HARNESS_ERRORS,
    FLEET_ERRORS,
  ];
  const all = [...device, ...tools].flatMap((errors) => Object.keys(errors));
  expect(all.toSorted()).toEqual(codes.toSorted());
});

test("every code has one remedy, which the manual shows below its sentence", () => {
  for (const [code, remedy] of Object.entries(REMEDIES)) {
    const { doc } = entryOf(code as ErrorCode);
    expect(remedy, code).toMatch(/^[A-Z`].*\.$/s);
    expect(reference).toMatch(new RegExp(`### \`${code}\`\\n\\n.+\\n\\n\\*\\*What to do:\\*\\* `));
    expect(reference).toContain(`\n\n${doc}`);
  }
  expect(reference.match(/^\*\*What to do:\*\* /gm)?.length).toBe(codes.length);
});

test("every sentence ends with a full stop and begins with a capital letter", () => {
  const odd = Object.entries(ERRORS).filter(([, { doc }]) => !/^[A-Z].*\.$/s.test(doc));
  expect(odd.map(([code]) => code)).toEqual([]);
});
