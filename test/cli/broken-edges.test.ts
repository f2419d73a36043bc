import { spawn } from "node:child_process";
import { mkdir, readFile, rm } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createLogger } from "../../src/agent/logging.ts";
import { BuiltProgram } from "../support/built-program.ts";
import { BOARD_TYPE, TestBoard } from "../support/test-board.ts";

let program: BuiltProgram;
let board: TestBoard;
let source: TestBoard;
let release = "";
beforeAll(async () => {
  [program, source] = await Promise.all([BuiltProgram.build(), TestBoard.make()]);
  release = await source.release("v2");
});
afterAll(() => source.remove());
beforeEach(async () => {
  board = await TestBoard.make();
});
afterEach(() => board.remove());

/** Shell syntax that breaks an input or output of the process. */
const EDGES = {
  "a full standard output": ">/dev/full",
  "a full standard error": "2>/dev/full",
  "both full": ">/dev/full 2>/dev/full",
  "both closed": ">&- 2>&-",
  "a closed standard input": "<&-",
  "a log file on a full device": "-L /dev/full",
} as const;

/** Every command, with arguments that make it do its work. */
const COMMANDS: Readonly<Record<string, () => readonly string[]>> = {
  install: () => ["install", release],
  commit: () => ["commit"],
  rollback: () => ["rollback"],
  resume: () => ["resume"],
  "show-artifact": () => ["show-artifact"],
  "show-provides": () => ["show-provides"],
  bootstrap: () => ["bootstrap"],
  setup: () => ["setup", "--quiet", "--device-type", BOARD_TYPE, "--server-url", "https://ota.example.com"],
  poll: () => ["poll", "--now"],
  "check-update": () => ["check-update"],
  "send-inventory": () => ["send-inventory"],
  doctor: () => ["doctor"],
  "artifact read": () => ["artifact", "read", release],
  "artifact validate": () => ["artifact", "validate", release],
  "board status": () => ["board", "status", board.dir],
  "state-scripts check": () => ["state-scripts", "check", board.path("etc")],
  help: () => ["--help"],
};

/** Commands that only print: if standard output is full, their results are lost. */
const TELLS = new Set([
  "show-artifact",
  "show-provides",
  "doctor",
  "artifact read",
  "artifact validate",
  "board status",
  "state-scripts check",
  "help",
]);

/** Commands that change the board: each run gets a new board. */
const CHANGES = new Set(["install", "bootstrap", "setup"]);

async function shell(redirection: string, argv: readonly string[]) {
  const options = redirection.startsWith("-L") ? redirection.split(" ") : [];
  const command = ['exec "$@"', ...(options.length === 0 ? [redirection] : [])].join(" ");
  const args = [process.execPath, program.path, ...board.options, ...options, ...argv];
  const child = spawn("sh", ["-c", command, "sh", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  const exitCode = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { exitCode, text: Buffer.concat(chunks).toString() };
}

/** The lasting state of the board must not depend on the reader of the command's output. */
async function traces(): Promise<unknown> {
  const stored = await board.stored();
  return [await board.env(), await board.pending(), stored["artifact-name"]];
}

for (const [name, argv] of Object.entries(COMMANDS)) {
  test(`'${name}' does the same with any of its edges broken, and reports it in words`, async () => {
    const whole = await shell("", argv());
    const left = await traces();
    for (const [edge, redirection] of Object.entries(EDGES)) {
      if (CHANGES.has(name)) {
        await board.remove();
        board = await TestBoard.make();
      }
      const { exitCode, text } = await shell(redirection, argv());
      const isLost = whole.exitCode === 0 && TELLS.has(name) && redirection.startsWith(">/dev/full");
      expect([edge, exitCode]).toEqual([edge, isLost ? 1 : whole.exitCode]);
      expect(text, edge).not.toMatch(/\n {4}at |node:internal/);
      expect(await traces(), edge).toEqual(left);
      if (redirection === ">/dev/full" && whole.exitCode === 0 && TELLS.has(name))
        expect(text).toMatch(/Cannot write to standard output: .*ENOSPC/);
    }
  });
}

test("an update whose log cannot be written is installed, booted and committed all the same", async () => {
  const installed = await shell("-L /dev/full", ["install", release]);
  expect(installed.exitCode).toBe(0);
  expect(installed.text.match(/Cannot write to the log file \/dev\/full/g)).toHaveLength(1);
  await board.boot();
  expect(await shell("-L /dev/full", ["commit"])).toMatchObject({ exitCode: 0 });
  expect(await board.agent("show-artifact")).toMatchObject({ out: ["v2"] });
});

for (const [what, make] of [
  ["in a folder that is not there", (path: string) => `${path}/missing/agent.log`],
  ["that is a folder", (path: string) => path],
] as const) {
  test(`a log file ${what} is refused in one line before anything is done`, async () => {
    const folder = board.file("logs");
    await mkdir(folder);
    const { exitCode, err } = await program.run(...board.options, "-L", make(folder), "install", release);
    expect([exitCode, err]).toEqual([1, [expect.stringMatching(/^Could not fulfill request: LOG_FILE: /)]]);
    expect(await board.pending()).toBeUndefined();
  });
}

test("a log file that is moved away is created again", async () => {
  const log = createLogger({ err: () => undefined }, { logFile: board.file("agent.log") });
  log("info", "before");
  await rm(board.file("agent.log"));
  log("info", "after");
  expect(await readFile(board.file("agent.log"), "utf8")).toMatch(/^\S+ info: after\n$/);
});

for (const key of ["\u0003", "\u0004"]) {
  test(`a question of 'setup' that is answered with ${key === "\u0003" ? "Ctrl-C" : "Ctrl-D"} ends in one line, and nothing is written`, async () => {
    const before = await readFile(board.path("etc/mender.conf"), "utf8");
    const command = [process.execPath, program.path, ...board.options, "setup"].map((arg) => `'${arg}'`).join(" ");
    const child = spawn("script", ["-qec", command, "/dev/null"], { stdio: ["pipe", "pipe", "pipe"] });
    let text = "";
    let isSent = false;
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (!isSent && text.includes(": ")) isSent = child.stdin.write(key) || true;
    });
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(1);
    expect(text).toContain("CANCELLED");
    expect(text).not.toContain("    at ");
    expect(await readFile(board.path("etc/mender.conf"), "utf8")).toBe(before);
  });
}
