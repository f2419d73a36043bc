import { readFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { serveSlowly } from "../../scripts/lib/slow-server.ts";
import { BuiltProgram, startProgram } from "../support/built-program.ts";
import { codesOf, INSTALLED, TestBoard } from "../support/test-board.ts";

let program: BuiltProgram;
let board: TestBoard;
beforeAll(async () => {
  program = await BuiltProgram.build();
});
beforeEach(async () => {
  board = await TestBoard.make({ slotKib: 2048 });
});
afterEach(() => board.remove());

test("an Artifact comes from standard input", async () => {
  const bytes = await readFile(await board.release("v2", "yes", { compression: "gzip" }));
  const { child, ended } = program.start(...board.options, "-l", "warning", "install", "-");
  child.stdin?.end(bytes);
  expect(await ended).toMatchObject({ exitCode: 0, out: INSTALLED, err: [] });
  expect(await board.pending()).toBe("@commit");
});

test("an Artifact from standard input that ends too early arms nothing", async () => {
  const bytes = await readFile(await board.release("v2"));
  const { child, ended } = program.start(...board.options, "-l", "warning", "install", "-");
  child.stdin?.end(bytes.subarray(0, 70_000));
  const result = await ended;
  expect(result).toMatchObject({
    exitCode: 1,
    out: ["Installing artifact...", "Streaming failed.", "System not modified."],
  });
  expect(codesOf({ ...result, exitCode: 1, log: [] })).toEqual(["ARTIFACT_TRUNCATED"]);
  expect(await board.env()).toMatchObject({ upgrade_available: "0" });
});

test("while one update runs, every command that changes something is refused, and 'show-artifact' works", async () => {
  const bytes = await readFile(await board.release("v2"));
  const { child, ended } = program.start(...board.options, "install", "-");
  child.stdin?.write(bytes.subarray(0, 50_000));
  await untilPending("download");
  for (const argv of [["install", board.file("v2.mender")], ["commit"], ["rollback"], ["resume"]]) {
    const refused = await board.agent(...argv);
    expect([refused.exitCode, codesOf(refused), refused.out]).toEqual([1, ["AGENT_BUSY"], []]);
  }
  expect(await board.agent("show-artifact")).toMatchObject({ exitCode: 0, out: ["v1"], err: [] });
  child.stdin?.end(bytes.subarray(50_000));
  expect(await ended).toMatchObject({ exitCode: 0, out: INSTALLED });
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} in the middle of a transfer ends it with one line, and the next 'install' recovers without help`, async () => {
    const bytes = await readFile(await board.release("v2"));
    const env = await board.env();
    const server = await stalling(bytes.subarray(0, 60_000), bytes.length);
    const { child, ended } = program.start(...board.options, "-l", "warning", "install", server.url);
    await untilPending("download");
    child.kill(signal);
    const result = await ended;
    await server.close();
    expect([result.exitCode, result.signal, result.out]).toEqual([1, null, ["Installing artifact..."]]);
    expect(codesOf({ ...result, exitCode: 1, log: [] })).toEqual(["CANCELLED"]);
    expect(result.err[0]).toContain(`signal=${signal}`);
    expect(await board.env()).toEqual(env);
    const again = await program.run(...board.options, "-l", "warning", "install", board.file("v2.mender"));
    expect(again).toMatchObject({ exitCode: 0, out: INSTALLED, err: [] });
  });
}

test("a terminal that hangs up ends a transfer", async () => {
  const bytes = await readFile(await board.release("v2"));
  const server = await stalling(bytes.subarray(0, 60_000), bytes.length);
  const install = ["node", program.path, ...board.options, "install", server.url].join(" ");
  const { ended } = startProgram("script", ["-qec", `echo $$ >${board.file("pid")}; exec ${install}`, "/dev/null"]);
  await untilPending("download");
  process.kill(Number(await readFile(board.file("pid"), "utf8")), "SIGHUP");
  expect((await ended).out.join("\n")).toContain("signal=SIGHUP");
  await server.close();
});

test("under 'nohup', SIGHUP does not end the command: the transfer completes", async () => {
  const bytes = await readFile(await board.release("v2"));
  const { child, ended } = startProgram("nohup", [process.execPath, program.path, ...board.options, "install", "-"]);
  child.stdin?.write(bytes.subarray(0, 50_000));
  await untilPending("download");
  child.kill("SIGHUP");
  child.stdin?.end(bytes.subarray(50_000));
  expect(await ended).toMatchObject({ exitCode: 0, out: INSTALLED });
});

const MIB = 1024 ** 2;
const BAR = /v2\.img \[#*-*\] +[0-9]{1,3}% [0-9.]+ MiB\/s/;

/** Runs the program on a terminal, which `script` of Debian's essential package bsdutils makes. */
async function onTerminal(
  argv: readonly string[],
): Promise<{ readonly exitCode: number | null; readonly text: string }> {
  const command = [process.execPath, program.path, ...argv].map((arg) => `'${arg}'`).join(" ");
  const { child, ended } = startProgram("script", ["-qec", command, "/dev/null"]);
  const { exitCode, out } = await ended;
  child.stdin?.end();
  return { exitCode, text: out.join("\n") };
}

test("on a terminal, a transfer longer than a second shows how far it is, up to 100 %", async () => {
  await board.release("v2", "yes", {}, 1536);
  const server = await serveSlowly(board.folder, MIB);
  const { exitCode, text } = await onTerminal([...board.options, "install", `${server.url}/v2.mender`]);
  await server.close();
  expect(exitCode).toBe(0);
  expect(text).toMatch(BAR);
  expect(text).toMatch(/100%/);
  expect(text).toContain("Installed, but not committed.");
});

test("on a terminal, a transfer shorter than a second draws nothing", async () => {
  const { exitCode, text } = await onTerminal([...board.options, "install", await board.release("v2")]);
  expect(exitCode).toBe(0);
  expect(text).not.toMatch(/%|\[#/);
  expect(text).not.toContain("\x1b");
  expect(text).toContain("Installed, but not committed.");
});

test("without a terminal nothing is drawn, however long it takes", async () => {
  await board.release("v2", "yes", {}, 1536);
  const server = await serveSlowly(board.folder, MIB);
  const result = await program.run(...board.options, "-l", "warning", "install", `${server.url}/v2.mender`);
  await server.close();
  expect(result).toMatchObject({ exitCode: 0, out: INSTALLED, err: [] });
});

/** Waits until the store of the board says that the update is in `state`. */
async function untilPending(state: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if ((await board.pending()) === state) return;
    await setTimeout(20);
  }
  expect.fail(`the update has not come to ${state}`);
}

/** A server that sends `bytes` of `sizeBytes`, and then stops sending. */
async function stalling(bytes: Buffer, sizeBytes: number): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((_, response: ServerResponse) => {
    response.writeHead(200, { "content-length": sizeBytes }).write(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
