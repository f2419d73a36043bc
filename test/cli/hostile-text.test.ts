import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createFileStore } from "../../adapters/store/file-store.ts";
import { moduleRequest } from "../artifact/artifact-requests.ts";
import { deployment, empty, refusal, token } from "../support/answers.ts";
import { BuiltProgram, startProgram } from "../support/built-program.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import { TestBoard } from "../support/test-board.ts";
import { EVIL, expectTame } from "./hostile.ts";

/** Half of a surrogate pair, escaped. */
const HALF = "\\ud800";

let program: BuiltProgram;
let board: TestBoard;
beforeAll(async () => {
  program = await BuiltProgram.build();
});
beforeEach(async () => {
  board = await TestBoard.make();
});
afterEach(() => board.remove());

/** Runs the built program as on a device, and checks each byte of its output. @returns the output */
async function run(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { child, ended } = startProgram(process.execPath, [program.path, ...argv], env);
  child.stdin?.end();
  const { out, err, signal } = await ended;
  expect(signal).toBeNull();
  const lines = [...out, ...err];
  expectTame(lines);
  // The input was well-formed, so the output must not contain the replacement character.
  expect(lines.join("\n")).not.toContain("\ufffd");
  return lines.join("\n");
}

const agent = (...argv: readonly string[]): Promise<string> => run([...board.options, ...argv]);

const path = (): string => board.file(`x${EVIL}`);

/** Text that an attacker can make a user type, through the name of a file or in a script. */
const ARGUMENTS: readonly (readonly [string, () => readonly string[]])[] = [
  ["a command", () => [EVIL]],
  ["an option", () => ["install", `--${EVIL}`]],
  ["a level of the log", () => ["-l", EVIL, "show-artifact"]],
  ["a log file", () => ["-L", `${path()}/log`, "show-artifact"]],
  ["a configuration file", () => ["-c", path(), "install", "x"]],
  ["a datastore", () => ["-d", path(), "doctor"]],
  ["an Artifact to install", () => ["install", path()]],
  ["an address to install from", () => ["install", `http://127.0.0.1:1/${EVIL}`]],
  ["an Artifact to read", () => ["artifact", "read", path()]],
  ["a key", () => ["artifact", "read", "-k", path(), path()]],
  ["an Artifact to validate", () => ["artifact", "validate", path()]],
  ["an Artifact to validate, as JSON", () => ["artifact", "validate", "--json", path()]],
  ["an Artifact to sign", () => ["artifact", "sign", "-k", path(), path()]],
  ["a name to write", () => ["artifact", "write", "rootfs-image", "-t", "t", "-n", EVIL, "-f", path(), "-o", path()]],
  ["a board to start", () => ["board", "boot", path()]],
  ["a size", () => ["board", "create", board.file("b"), "--slot-size", EVIL]],
  ["an image", () => ["board", "image", `${path()}/x`, "--version", "v"]],
  ["an adapter", () => ["adapter", "check", `./${EVIL}.mjs`]],
  ["a package", () => ["adapter", "check", EVIL]],
  ["the name of an adapter", () => ["adapter", "new", "bootloader", EVIL]],
  ["a folder of scripts", () => ["state-scripts", "check", path()]],
  ["a device type", () => ["setup", "--quiet", "--device-type", EVIL, "--server-url", "https://x"]],
  ["a server", () => ["setup", "--quiet", "--device-type", "t", "--server-url", EVIL]],
  ["a file with a passphrase", () => ["bootstrap", "--passphrase-file", path()]],
  ["a file for an image", () => ["snapshot", "dump", "--source", path()]],
];

test.each(ARGUMENTS)("%s among the arguments is shown escaped", async (_, argv) => {
  const [first = "", ...rest] = argv();
  const isGlobal = first.startsWith("-");
  const words = isGlobal ? [...board.options, first, ...rest] : [...board.options, ...argv()];
  expect(await run(words)).toMatch(/\\x1b|\\x0a|%1B|FORGED|--/);
});

test("a name by which the program is called is shown escaped", async () => {
  const { symlink } = await import("node:fs/promises");
  await symlink(program.path, path());
  const { child, ended } = startProgram(process.execPath, ["--preserve-symlinks-main", path(), "--help"]);
  child.stdin?.end();
  expect((await ended).out.filter((line) => /^\s*FORGED/.test(line) || line.includes("\u001b"))).toEqual([]);
});

test("what the device has recorded of itself is one line a key, and exact as JSON", async () => {
  const provides = JSON.stringify({ [`k${EVIL}=v`]: EVIL, half: "HALF" }).replace("HALF", HALF);
  await createFileStore(board.path("data"), () => undefined).transact(
    new Map([
      ["artifact-name", `v1${EVIL}`],
      ["artifact-group", EVIL],
      ["artifact-provides", provides],
    ]),
  );
  expect(await agentWithHalf("show-artifact")).toBe(`v1${SHOWN}`);
  expect((await agentWithHalf("show-provides")).split("\n")).toEqual([
    `artifact_group=${SHOWN}`,
    `artifact_name=v1${SHOWN}`,
    "half=\ufffd",
    `k${SHOWN.replace("=", "\\x3d")}\\x3dv=${SHOWN}`,
  ]);
  const text = await agentWithHalf("show-provides", "--json");
  expect(text).not.toContain("\u009b");
  expect(JSON.parse(text)).toMatchObject({ [`k${EVIL}=v`]: EVIL, artifact_name: `v1${EVIL}` });
});

const SHOWN = "\\x1b[2J\\x0aFORGED=1\\x0d\\x9b31m\\x202e\\x2066\\x2028\\x7f\t";

/** An older agent stores half a surrogate pair unchanged; the output shows its escape. */
async function agentWithHalf(...argv: readonly string[]): Promise<string> {
  const { child, ended } = program.start(...board.options, ...argv);
  child.stdin?.end();
  const { exitCode, out, err } = await ended;
  expect([exitCode, err]).toEqual([0, []]);
  return out.join("\n");
}

test("names, provides, scripts and files of an Artifact, and what its module says, are shown escaped", async () => {
  const say = "printf '\\033[2J\\nFORGED=1\\r\\302\\233 \\377\\0\\n' >&2; printf 'FORGED\\033c\\n'";
  await writeFile(
    board.path("share/modules/v3/evil"),
    `#!/bin/sh\ncase $1 in Supports*|Needs*) ;; *) ${say} ;; esac\n`,
    {
      mode: 0o755,
    },
  );
  const payload = board.file("payload");
  await writeFile(payload, "x");
  const provides = { "data.x": "y" };
  const good = await board.write(moduleRequest({ type: "evil", files: [payload], provides }, { name: "v2" }));
  const said = await runTolerant("install", good);
  expect(said).toContain("\\x1b[2J");
  expect(said).toMatch(/Update Module output \(std(?:out|err)\): FORGED\\x1bc/);
});

/** If the output of a program is not valid UTF-8, the agent shows U+FFFD. */
async function runTolerant(...argv: readonly string[]): Promise<string> {
  const { child, ended } = program.start(...board.options, ...argv);
  child.stdin?.end();
  const { out, err } = await ended;
  const lines = [...out, ...err];
  expectTame(lines);
  return lines.join("\n");
}

test("state scripts with odd names, and what they print, are shown escaped", async () => {
  await writeFile(board.path("etc/scripts/version"), "3");
  const script = `#!/bin/sh\nprintf '\\033[2J\\nFORGED=1\\r\\302\\233\\n'; exit 1\n`;
  await writeFile(board.path("etc/scripts/Download_Enter_00_x\u001b[2J\u009b"), script, { mode: 0o755 });
  await writeFile(board.path(`etc/scripts/x${EVIL}`), script);
  const log = board.file("log");
  expect(await agent("-L", log, "install", await board.release("v2"))).toContain("00_x\\x1b[2J\\x9b");
  const lines = (await readFile(log, "utf8")).trimEnd().split("\n");
  expect(lines.filter((line) => !/^20\d\d-.*Z [a-z]+: /.test(line) || line.includes("\u001b"))).toEqual([]);
  expect(await agent("state-scripts", "check", board.path("etc/scripts"))).toContain("\\x1b[2J");
  expect(await agent("state-scripts", "check", "--json", board.path("etc/scripts"))).toContain("\\u001b[2J");
  expect(await agent("doctor")).toContain("\\x1b[2J");
  expect(await agent("doctor", "--json")).toContain("\\u001b[2J");
});

test("what a configuration holds is shown escaped", async () => {
  await board.configure({ [`ServerUR${EVIL}`]: 1, ServerURL: `https://x/${EVIL}`, RootfsPartB: board.path(EVIL) });
  for (const command of ["doctor", "poll", "bootstrap"]) await agent(command);
  const conf = await readFile(board.path("etc/mender.conf"), "utf8");
  await writeFile(board.path("etc/mender.conf"), `{"${EVIL}": ${conf}`);
  await agent("doctor");
});

test("an identity, a device type and an inventory that are hostile are shown escaped", async () => {
  const server = await ScriptedServer.start();
  server.answer("auth", token("t")).answer("inventory", empty(200)).answer("next", empty(204));
  await mkdir(board.path("share/identity"));
  await mkdir(board.path("share/inventory"));
  const identity = board.path("share/identity/mender-device-identity");
  const say = "#!/bin/sh\nprintf 'mac=1\\033[2J\\302\\233\\n'\n";
  await writeFile(identity, say, { mode: 0o755 });
  await writeFile(board.path(`share/inventory/mender-inventory-${EVIL}`), `${say}printf '\\033[2J\\r\\n'\n`, {
    mode: 0o755,
  });
  await writeFile(board.path(`share/inventory/mender-inventory-idle${EVIL}`), "");
  await writeFile(board.path("data/device_type"), `device_type=x${EVIL}\n`);
  await board.configure({ ServerURL: server.url });
  expect(await agent("poll", "--now")).toContain("\\x1b[2J");
  expect(await agent("doctor")).toContain("\\x1b[2J");
  await server.close();
});

test("what a server says is shown escaped", async () => {
  const server = await ScriptedServer.start();
  await mkdir(board.path("share/identity"));
  await writeFile(board.path("share/identity/mender-device-identity"), "#!/bin/sh\necho mac=1\n", { mode: 0o755 });
  await board.configure({ ServerURL: server.url });
  server.answer("auth", refusal(401, EVIL), token("t")).answer("inventory", refusal(400, EVIL));
  server.answer("next", refusal(400, EVIL), deployment(`d${EVIL}`, `v2${EVIL}`, `${server.url}/v2.mender?${EVIL}`));
  server.answer("status", empty(204)).answer("log", empty(204));
  expect(await agent("poll", "--now")).toContain("\\x1b[2J");
  expect(await agent("poll", "--now")).toContain("\\x1b[2J");
  expect(await agent("poll", "--now")).toContain("d\\x1b[2J");
  server.answer("/v3", ({ response }) => void response.writeHead(404, "No\u009bthing").end(EVIL));
  await agent("install", `${server.url}/v3`);
  await server.close();
});

test("an Artifact with malformed text is shown or refused with that text escaped", async () => {
  const good = await readFile(await board.release("NAMENAME"));
  const evil = Buffer.from(good.toString("latin1").replaceAll("NAMENAME", "a\u001b[2J\u009b"), "latin1");
  const name = board.file("evil.mender");
  await writeFile(name, evil);
  for (const command of ["read", "validate"]) await runTolerant("artifact", command, name);
  await runTolerant("install", name);
  await rename(name, path());
  await runTolerant("install", path());
  await runTolerant("artifact", "read", path());
});
