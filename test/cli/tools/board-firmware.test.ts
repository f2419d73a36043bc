import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startByFirmware } from "../../../adapters/check/board-firmware.ts";
import { virtualBoard } from "../../../src/agent/device/board.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { rootfsRequest } from "../../artifact/artifact-requests.ts";
import { cli, codesOf } from "../../support/test-board.ts";
import { writeArtifact } from "../../support/write-artifact.ts";
import { COUNTING, FOR_COUNTING } from "../counting-firmware.ts";

let folder: string;
let board: string;
let firmware: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-board-firmware-"));
  board = join(folder, "board");
  firmware = await program("firmware", COUNTING);
});
afterEach(() => rm(folder, { recursive: true }));

async function program(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text, { mode: 0o755 });
  return join(folder, name);
}

const create = () => cli("switchback", ["board", "create", board, "--slot-size", "256K", "--firmware", firmware]);
const boot = async (): Promise<unknown> => {
  const { exitCode, out, err } = await cli("switchback", ["board", "boot", board, "--json"]);
  expect(err).toEqual([]);
  const { outcome, slot } = JSON.parse(out.join(""));
  return { exitCode, outcome, slot };
};
const agent = (...argv: readonly string[]) =>
  cli("switchback", ["-c", join(board, "etc/mender.conf"), "-d", join(board, "data"), ...argv]);
const UP = (slot: string) => ({ exitCode: 0, outcome: "up", slot });

/** A running board with its own adapter and an installed update. */
async function updated(boots: "yes" | "hangs" | "panics" = "yes", adapter = FOR_COUNTING): Promise<void> {
  expect(await create()).toMatchObject({ exitCode: 0 });
  const path = join(board, "etc/mender.conf");
  const configuration = JSON.parse(await readFile(path, "utf8"));
  const bootloader = { Program: await program("adapter", adapter) };
  const own = { ...configuration.Switchback, Bootloader: bootloader };
  await writeFile(path, JSON.stringify({ ...configuration, Switchback: own }));
  expect(await boot()).toEqual(UP("A"));
  await virtualBoard.writeImage(join(folder, "v2.img"), "v2", 128 * 1024, boots);
  const request = { ...rootfsRequest(join(folder, "v2.img")), name: "v2", deviceTypes: ["virtual-board"] };
  await writeArtifact(request, join(folder, "v2.mender"), () => undefined, new AbortController().signal);
  expect(await agent("install", join(folder, "v2.mender"))).toMatchObject({ exitCode: 0, err: [] });
}

test("a board with a firmware of one's own installs, boots, and keeps an update", async () => {
  await updated();
  expect(await boot()).toEqual(UP("B"));
  expect(await agent("commit")).toMatchObject({ exitCode: 0, out: ["Committed."] });
  expect([await boot(), await boot()]).toEqual([UP("B"), UP("B")]);
});

test("without a commit its second power-on goes back", async () => {
  await updated();
  expect([await boot(), await boot()]).toEqual([UP("B"), UP("A")]);
  expect((await agent("show-artifact")).out).toEqual(["v1"]);
});

test("a system that panics brings the old one back by itself", async () => {
  await updated("panics");
  expect(await boot()).toEqual(UP("A"));
});

test("a system that hangs runs until the power is cut, and then the old one does", async () => {
  await updated("hangs");
  expect(await boot()).toEqual({ exitCode: 1, outcome: "none", slot: undefined });
  expect(await boot()).toEqual(UP("A"));
});

test("a rollback before the reboot cancels the trial", async () => {
  await updated();
  expect(await agent("rollback")).toMatchObject({ exitCode: 0, out: ["Rolled back."] });
  expect(await boot()).toEqual(UP("A"));
});

test("an adapter whose confirm forgets the counter loses the update, and the board shows it", async () => {
  await updated("yes", FOR_COUNTING.replace('store "$slot -"', ":"));
  expect(await boot()).toEqual(UP("B"));
  expect((await agent("commit")).exitCode).toBe(0);
  expect(await boot()).toEqual(UP("A"));
});

test("its status says that the firmware decides", async () => {
  await create();
  const { out } = await cli("switchback", ["board", "status", board]);
  expect(out.at(-1)).toBe("At the next power-on the board's own firmware decides.");
});

const ALWAYS = "#!/bin/sh\n[ $1 = factory ] || ";
test.each([
  ["says nothing", `${ALWAYS}exit 0\necho ok\n`],
  ["speaks of something else", `${ALWAYS}echo hello\necho ok\n`],
  ["names a slot that there is not", `${ALWAYS}echo slot C\necho ok\n`],
  ["names a slot whose system does not come up", `${ALWAYS}echo slot B\necho ok\n`],
  ["names two", `${ALWAYS}{ echo slot A; echo slot B; }\necho ok\n`],
  ["fails", `${ALWAYS}{ echo error BROKEN; exit 1; }\necho ok\n`],
])("a firmware that %s is reported by name, and the board keeps running the same system", async (_what, text) => {
  await create();
  await boot();
  const before = await readFile(join(board, "proc/cmdline"), "utf8");
  const spoils = text.replace("[ $1", 'echo spoiled >"$SWITCHBACK_ROOT/proc/cmdline"; [ $1');
  await program("firmware", spoils);
  const refused = await cli("switchback", ["board", "boot", board]);
  expect([refused.exitCode, codesOf(refused)]).toEqual([1, ["BOARD_FIRMWARE"]]);
  expect(await readFile(join(board, "proc/cmdline"), "utf8")).toBe(before);
});

test.each(["sleep 600", "yes"])("a firmware that does not end (%s) is stopped by a time limit", async (command) => {
  await create();
  await program("firmware", `#!/bin/sh\n${command}\n`);
  const failure = await startByFirmware(board, 200).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(AgentError);
  expect(failure).toMatchObject({ code: "BOARD_FIRMWARE", cause: { cause: { code: "PROCESS_TIMEOUT" } } });
});

test("a firmware that is gone, or cannot be started, is named at each power-on", async () => {
  await create();
  await chmod(firmware, 0o644);
  expect(codesOf(await cli("switchback", ["board", "boot", board]))).toEqual(["BOARD_FIRMWARE"]);
  await rm(firmware);
  expect(codesOf(await cli("switchback", ["board", "boot", board]))).toEqual(["BOARD_FIRMWARE"]);
});

test("a board whose firmware cannot make its files is not made", async () => {
  await program("firmware", "#!/bin/sh\nexit 1\n");
  expect(codesOf(await create())).toEqual(["BOARD_FIRMWARE"]);
  firmware = join(folder, "none");
  expect(codesOf(await create())).toEqual(["BOARD_FIRMWARE"]);
  expect(await readdir(folder)).toEqual(["firmware"]);
});
