import { afterEach, beforeEach, expect, test } from "vitest";
import { INSTALLED, TestBoard } from "../support/test-board.ts";

let board: TestBoard;
beforeEach(async () => {
  board = await TestBoard.make();
});
afterEach(() => board.remove());

async function json(...argv: readonly string[]): Promise<unknown> {
  const { out, exitCode } = await board.agent(...argv, "--json");
  expect(out).toHaveLength(1);
  const result: unknown = JSON.parse(out[0] ?? "");
  expect(result).toMatchObject({ command: argv[0], exitCode });
  return result;
}

test("a committed update reports each of its steps as one JSON object", async () => {
  expect(await json("install", await board.release("v2"))).toEqual({
    command: "install",
    exitCode: 0,
    pending: "commit",
    rebootRequired: true,
    inconsistent: false,
    messages: INSTALLED.slice(1),
    errors: [],
  });
  await board.boot();
  expect(await json("commit")).toEqual({
    command: "commit",
    exitCode: 0,
    pending: null,
    rebootRequired: false,
    inconsistent: false,
    messages: ["Committed."],
    errors: [],
  });
  expect(await json("commit")).toEqual({
    command: "commit",
    exitCode: 2,
    messages: ["No update in progress."],
    errors: [],
  });
});

test("so does an update that is rolled back", async () => {
  await json("install", await board.release("v2"));
  expect(await json("rollback")).toMatchObject({ exitCode: 0, pending: null, messages: ["Rolled back."] });
  expect(await json("resume")).toMatchObject({ exitCode: 2 });
});

test("a failure is an object with its code, and the sentence for people stays on stderr", async () => {
  expect(await json("install", board.file("missing.mender"))).toMatchObject({
    exitCode: 1,
    messages: ["Streaming failed.", "System not modified."],
    errors: [{ code: "SOURCE_OPEN", message: expect.stringContaining("missing.mender") }],
  });
  await json("install", await board.release("v2"));
  expect(await json("install", board.file("v2.mender"))).toMatchObject({
    exitCode: 1,
    messages: ["System not modified."],
    errors: [{ code: "UPDATE_IN_PROGRESS" }],
  });
});
