import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fromClient } from "../../src/cli/client-arguments.ts";
import { splitArguments } from "../../src/cli/global-options.ts";
import { run } from "../../src/cli/run.ts";
import { RecordingIo } from "../support/recording-io.ts";
import { cli, TestBoard } from "../support/test-board.ts";

let board: TestBoard;
beforeEach(async () => {
  board = await TestBoard.make();
});
afterEach(() => board.remove());

/** Command lines that people, units and package scripts use, and the equivalent command line of ours. */
const LINES: readonly (readonly [line: string, ours: string])[] = [
  ["mender -config c -data d -log-level debug show-artifact", "--config c --data d --log-level debug show-artifact"],
  ["mender -log-level=debug -no-syslog daemon", "--log-level=debug --no-syslog daemon"],
  ["mender --no-syslog=true --skipverify=false daemon", "--no-syslog daemon"],
  ["mender --skipverify=1 --no-syslog=F daemon", "--skipverify daemon"],
  ["mender --passphrase-file F daemon", "daemon --passphrase-file F"],
  ["mender -passphrase-file=F -F daemon", "daemon --passphrase-file=F -F"],
  ["mender --forcebootstrap bootstrap", "bootstrap --forcebootstrap"],
  ["mender -bootstrap --forcebootstrap", "-bootstrap --forcebootstrap"],
  ["mender --forcebootstrap commit", "commit"],
  ["mender install --passphrase-file F x.mender -reboot-exit-code", "install x.mender --reboot-exit-code"],
  ["mender -install x.mender", "-install x.mender"],
  ["mender install -- -install", "install -- -install"],
  ["mender setup --demo=false --quiet --device-type qemu", "setup --quiet --device-type qemu"],
  ["mender-setup --device-type qemu --demo-polling", "setup --device-type qemu --demo-polling"],
  ["mender-setup -d data --device-type setup", "setup -d data --device-type setup"],
  ["mender-setup setup --quiet", "setup --quiet"],
  ["mender-setup --version", "--version"],
  ["mender-snapshot dump -C gzip --source /", "snapshot dump -C gzip --source /"],
  ["mender-snapshot snapshot dump", "snapshot dump"],
  ["mender-auth --forcebootstrap daemon", "daemon --forcebootstrap"],
];

for (const [line, ours] of LINES) {
  test(`'${line}' means '${ours}'`, () => {
    const [name = "", ...argv] = line.split(" ");
    expect(fromClient(name, argv)).toEqual(ours.split(" "));
  });
}

test("a truth value that Go does not know is refused by name", async () => {
  const { exitCode, log } = await cli("mender", [...board.options, "--skipverify=maybe", "show-artifact"]);
  expect([exitCode, log[0]]).toEqual([1, expect.stringContaining("--skipverify")]);
});

test("behind 'setup' -E names the server's certificate, elsewhere certificates that are trusted", () => {
  expect(splitArguments(["setup", "-E", "demo.crt"])).toEqual({
    globals: [],
    command: "setup",
    rest: ["-E", "demo.crt"],
  });
  expect(splitArguments(["-E", "all.crt", "setup"])).toMatchObject({ globals: ["-E", "all.crt"], rest: [] });
  expect(splitArguments(["install", "-E", "all.crt", "x"])).toMatchObject({ globals: ["-E", "all.crt"], rest: ["x"] });
});

test("no global option hides an option of a command", async () => {
  const io = new RecordingIo();
  await run("switchback", ["--help"], io);
  const globals = io.outLines.flatMap((line) => /^ {2}(-\w), (--[\w-]+)/.exec(line)?.slice(1, 3) ?? []);
  expect(globals).toContain("-E");
  const known = new Set(["-h", "--help"]);
  for (const command of ["install", "commit", "resume", "rollback", "bootstrap", "daemon", "poll", "setup", "doctor"]) {
    const help = new RecordingIo();
    await run("switchback", [command, "--help"], help);
    const own = help.outLines.flatMap((line) => /^ {2}(?:(-\w), )?(--[\w-]+)/.exec(line)?.slice(1, 3) ?? []);
    for (const option of own.filter((found) => found !== undefined && globals.includes(found) && !known.has(found))) {
      const { globals: moved } = splitArguments([command, option, "value"]);
      expect([command, option, moved]).toEqual([command, option, []]);
    }
  }
});

for (const level of ["DEBUG", "Warn", "warning"]) {
  test(`the log level '${level}' is understood`, async () => {
    expect(await cli("mender", [...board.options, "-l", level, "show-artifact"])).toMatchObject({
      exitCode: 0,
      out: ["v1"],
    });
  });
}

test("'mender-setup' writes the configuration without the name of the command", async () => {
  const argv = ["--quiet", "--device-type", "qemu", "--server-url", "https://ota.example.com", "--demo=false"];
  expect(await cli("mender-setup", [...board.options, ...argv])).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(await readFile(board.path("etc/mender.conf"), "utf8"))).toMatchObject({
    ServerURL: "https://ota.example.com",
  });
});

test("'mender-auth daemon' stays, says why, and ends with a signal", async () => {
  const io = new RecordingIo();
  const ended = run("mender-auth", [...board.options, "daemon"], io);
  await expect
    .poll(() => io.errLines)
    .toEqual([expect.stringContaining("This process keeps running, but does nothing.")]);
  io.interrupt.abort(new Error("SIGTERM"));
  await ended;
  expect([io.exitCode, io.outLines]).toEqual([0, []]);
});
