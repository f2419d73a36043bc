import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createLogger } from "../../src/agent/logging.ts";
import { printable } from "../../src/errors/agent-error.ts";
import { readNextDeployment } from "../../src/protocol/device-api.ts";
import { RecordingIo } from "../support/recording-io.ts";

const folder = await mkdtemp(join(tmpdir(), "switchback-foreign-"));
afterAll(() => rm(folder, { recursive: true }));

test.each([
  ["an escape sequence", "a\u001b[2Jb", "a\\x1b[2Jb"],
  ["a C1 control character", "a\u009bb", "a\\x9bb"],
  ["a line break", "a\nartifact_name=evil", "a\\x0aartifact_name=evil"],
  ["a NUL", "a\0b", "a\\x00b"],
  ["a line separator", "a\u2028b", "a\\x2028b"],
  ["what turns the direction of writing", "a\u202eb\u2066c", "a\\x202eb\\x2066c"],
  ["half a surrogate pair", "a\ud800b", "a\\xd800b"],
  ["letters, emoji and tags of other scripts, which stay", "äß 日本 👍 \\x1b", "äß 日本 👍 \\x1b"],
])("foreign text is shown with %s escaped", (_, text, shown) => {
  expect(printable(text)).toBe(shown);
});

test("foreign text in a message cannot forge a line on the terminal or in the log file", async () => {
  const logFile = join(folder, "log");
  const io = new RecordingIo();
  createLogger(io, { logFile })("info", "Deployment x\nerror: forged \u001b[31m");
  expect(io.errLines).toEqual(["info: Deployment x\\x0aerror: forged \\x1b[31m"]);
  expect((await readFile(logFile, "utf8")).split("\n")).toEqual([
    expect.stringMatching(/ info: Deployment x\\x0aerror: forged \\x1b\[31m$/),
    "",
  ]);
});

const deployment = (id: string, name: string, uri: string): unknown =>
  JSON.parse(`{"id":"${id}","artifact":{"artifact_name":"${name}","source":{"uri":"${uri}"}}}`);

test.each([
  ["id", deployment("\\ud800", "n", "u")],
  ["artifact.artifact_name", deployment("i", "\\udc00", "u")],
  ["artifact.source.uri", deployment("i", "n", "\\ud800")],
])("a deployment whose %s is not well-formed text is refused where it comes in", (member, answer) => {
  expect(readNextDeployment(answer)).toBe(member);
});
