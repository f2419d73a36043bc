import { afterAll, beforeAll, expect, test } from "vitest";
import { commandsFor } from "../../src/cli/commands.ts";
import { VERSION } from "../../src/version.ts";
import { cli, codesOf, INSTALLED, TestBoard } from "../support/test-board.ts";

let board: TestBoard;
let artifact = "";
beforeAll(async () => {
  board = await TestBoard.make();
  artifact = await board.release("v2");
});
afterAll(() => board.remove());

const CLIENT = ["install", "commit", "rollback", "resume", "show-artifact", "show-provides"];
const DAEMON = ["daemon", "check-update", "send-inventory"];

/** Names of the commands in a help text. */
function listed(out: readonly string[]): readonly string[] {
  const lines = out.slice(out.indexOf("Commands:") + 1, out.indexOf("Examples:"));
  return lines.flatMap((line) => /^ {2}([a-z-]+) /.exec(line)?.[1] ?? []).filter((name) => name !== "help");
}

for (const [name, commands] of [
  [
    "switchback",
    [
      ...CLIENT,
      "bootstrap",
      "setup",
      "takeover",
      "daemon",
      "poll",
      "check-update",
      "send-inventory",
      "snapshot",
      "doctor",
      "artifact",
      "image",
      "yocto",
      "adapter",
      "board",
      "state-scripts",
    ],
  ],
  ["mender", [...CLIENT, "bootstrap", "setup", ...DAEMON, "snapshot"]],
  ["mender-update", [...CLIENT, ...DAEMON]],
  ["mender-auth", ["bootstrap", "daemon"]],
] as const) {
  test(`${name} --help lists its commands, with examples`, async () => {
    const { exitCode, out, err } = await cli(name, ["--help"]);
    expect([exitCode, err]).toEqual([0, []]);
    expect(out[0]).toBe(`Usage: ${name} [options] [command]`);
    expect(listed(out)).toEqual(commands);
    const examples = out.slice(out.indexOf("Examples:") + 1).map((line) => line.trim().split(" ").slice(0, 2));
    expect(examples.length).toBeGreaterThan(1);
    for (const [program, command] of examples)
      expect([program, commands]).toEqual([name, expect.arrayContaining([command])]);
    expect(Object.keys(commandsFor(name))).toEqual(commands);
  });

  test(`${name} --version prints the version alone`, async () => {
    for (const option of ["--version", "-v"])
      expect(await cli(name, [option])).toMatchObject({ exitCode: 0, out: [VERSION], err: [] });
  });
}

const WITH_EXAMPLE = [
  ...[...CLIENT, ...DAEMON, "poll"].map((command) => [command]),
  ["artifact"],
  ...["write", "read", "validate", "sign"].map((command) => ["artifact", command]),
  ...["rootfs-image", "module-image", "bootstrap-artifact"].map((kind) => ["artifact", "write", kind]),
  ["board"],
  ...["create", "boot", "status", "image"].map((command) => ["board", command]),
  ["state-scripts"],
  ["state-scripts", "check"],
];

for (const command of WITH_EXAMPLE) {
  test(`'${command.join(" ")} --help' explains it, with an example`, async () => {
    const { exitCode, out, err } = await cli("switchback", [...command, "--help"]);
    expect([exitCode, err]).toEqual([0, []]);
    expect(out[0]).toContain(`Usage: switchback ${command.join(" ")}`);
    expect(out.join("\n")).toMatch(/\nExamples?[:,][\s\S]*\n {2}(?:\S+ \| )?switchback /);
  });
}

for (const argv of [
  [],
  ["frobnicate"],
  ["--frobnicate"],
  ["install"],
  ["install", "--frobnicate", "x.mender"],
  ["install", "x.mender", "y.mender"],
  ["commit", "now"],
  ["-l", "loud", "commit"],
  ["board", "frobnicate"],
  ["artifact", "write"],
]) {
  test(`'${["switchback", ...argv].join(" ")}' is not understood: usage on stderr, exit status 1`, async () => {
    const { exitCode, out, err } = await cli("switchback", argv);
    expect([exitCode, out]).toEqual([1, []]);
    expect(err.join("\n")).toMatch(/Usage: switchback|--help/);
  });
}

for (const command of ["artifact", "board", "state-scripts"]) {
  test(`the reference client's name does not know the command '${command}'`, async () => {
    for (const name of ["mender", "mender-update"]) {
      const { exitCode, log } = await cli(name, [command]);
      expect([exitCode, log[0]]).toEqual([1, `error: unknown command '${command}'`]);
    }
  });
}

/** Command lines of three generations, each of which installs, rolls back, and then has nothing to commit. */
const SPELLINGS: Readonly<Record<string, (options: { conf: string; data: string }) => readonly string[]>> = {
  "switchback -install": ({ conf, data }) => ["-c", conf, "-d", data, "-install"],
  "mender -install": ({ conf, data }) => ["-install", "-c", conf, "--data", data],
  "mender --no-syslog install": ({ conf, data }) => [
    "--no-syslog",
    "--config",
    conf,
    "--data",
    data,
    "-l",
    "warn",
    "install",
  ],
  "mender --config= install": ({ conf, data }) => [
    `--config=${conf}`,
    `--data=${data}`,
    "--log-level=panic",
    "install",
  ],
  "mender-update install": ({ conf, data }) => [
    "--datastore",
    data,
    "--config",
    conf,
    "--log-level",
    "trace",
    "install",
  ],
};

for (const [spelling, prefix] of Object.entries(SPELLINGS)) {
  test(`'${spelling}' and its likes do the newest client's work`, async () => {
    const [name = ""] = spelling.split(" ");
    const paths = { conf: board.path("etc/mender.conf"), data: board.path("data") };
    const install = prefix(paths);
    const other = (command: string) => install.map((arg) => arg.replace(/^(-?)install$/, `$1${command}`));
    expect(await cli(name, [...install, artifact])).toMatchObject({ exitCode: 0, out: INSTALLED, err: [] });
    expect(await cli(name, other("rollback"))).toMatchObject({ exitCode: 0, out: ["Rolled back."], err: [] });
    const nothing = { exitCode: 2, out: ["No update in progress."], err: [] };
    expect(await cli(name, other("commit"))).toMatchObject(nothing);
    expect(await cli(name, other("show-artifact"))).toMatchObject({ exitCode: 0, out: ["v1"], err: [] });
  });
}

test("options of the client may stand behind the command as well", async () => {
  const shown = await cli("mender", ["show-artifact", ...board.options]);
  expect(shown).toMatchObject({ exitCode: 0, out: ["v1"], err: [] });
});

test("the log goes to stderr from its level upwards, and never to stdout", async () => {
  const quiet = await board.agent("-l", "error", "install", artifact);
  expect(quiet.log).toEqual([]);
  expect((await board.agent("rollback")).exitCode).toBe(0);
  const loud = await board.agent("-l", "debug", "install", artifact);
  expect(loud.log.some((line) => line.startsWith("info: Slot B holds the new image"))).toBe(true);
  expect(loud.out).toEqual(INSTALLED);
  expect((await board.agent("rollback")).exitCode).toBe(0);
});

test("a bare '-' is a source, and '--' ends the options", async () => {
  expect(codesOf(await board.agent("install", "--", "-install"))).toEqual(["SOURCE_OPEN"]);
});
