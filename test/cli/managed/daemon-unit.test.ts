import { readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cli, TestBoard } from "../../support/test-board.ts";

let board: TestBoard;
beforeEach(async () => {
  board = await TestBoard.make();
});
afterEach(() => board.remove());

/** The settings of the shipped unit, by key. */
async function unit(): Promise<ReadonlyMap<string, string>> {
  const lines = (await readFile("systemd/switchback.service", "utf8")).split("\n");
  return new Map(
    lines.flatMap((line) => [...line.matchAll(/^(\w+)=(.*)$/g)].map(([, key = "", to = ""]) => [key, to])),
  );
}

for (const [what, text, code] of [
  ["cannot be read", '{ "ServerURL": "https://a.example", // mine', "CONFIG_INVALID"],
  ["names a server without encryption", '{ "ServerURL": "http://a.example" }', "SERVER_PLAIN_HTTP"],
] as const) {
  test(`a configuration that ${what} ends the daemon with the status after which the unit does not start it again`, async () => {
    const config = board.file("mender.conf");
    await writeFile(config, text);
    const { exitCode, err } = await cli("switchback", ["-c", config, "-d", board.path("data"), "daemon"]);
    expect(err.join("\n")).toContain(code);
    expect((await unit()).get("RestartPreventExitStatus")).toBe(String(exitCode));
    expect(exitCode).not.toBe(1);
  });
}

test("after any other failure the unit starts the daemon again, at most once a minute", async () => {
  const { exitCode, err } = await cli("switchback", [...board.options, "daemon", "--no-such-option"]);
  expect([exitCode, err.length > 0]).toEqual([1, true]);
  expect((await unit()).get("Restart")).toBe("always");
  expect(Number((await unit()).get("RestartSec"))).toBeGreaterThanOrEqual(60);
});
