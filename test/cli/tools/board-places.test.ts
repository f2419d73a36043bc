import { mkdir, readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { moduleRequest } from "../../artifact/artifact-requests.ts";
import { Recorder } from "../../support/recorder.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { cli, codesOf, TestBoard } from "../../support/test-board.ts";

let board: TestBoard;
let recorder: Recorder;
beforeEach(async () => {
  board = await TestBoard.make();
  recorder = new Recorder(board);
});
afterEach(() => board.remove());

/**
 * A machine on which a user tries a virtual board. The machine is itself a device, with a script that refuses every
 * update.
 */
async function host(): Promise<RecordingIo> {
  await mkdir(board.file("host/etc/scripts"), { recursive: true });
  await mkdir(board.file("host/share/modules/v3"), { recursive: true });
  await writeFile(board.file("host/etc/scripts/Download_Enter_00"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  await writeFile(board.file("host/share/modules/v3/hosts"), "#!/bin/sh\n", { mode: 0o755 });
  const env = { MENDER_CONF_DIR: board.file("host/etc"), MENDER_DATA_DIR: board.file("host/share") };
  return new RecordingIo(false, env);
}

async function release(type: string): Promise<string> {
  await writeFile(board.file("data.bin"), "new");
  return board.write(moduleRequest({ type, files: [board.file("data.bin")] }, { name: type }));
}

test("a board has its own state scripts and update modules, and none of the machine that it is tried on", async () => {
  await recorder.scripts();
  await recorder.module("files");
  const installed = await cli("switchback", [...board.options, "install", await release("files")], await host());
  expect(installed).toMatchObject({ exitCode: 0, err: [] });
  expect(await recorder.take()).toMatch(/^Download_Enter files:ProvidePayloadFileSizes files:Download /);
  await board.agent("rollback");
  const refused = await cli("switchback", [...board.options, "install", await release("hosts")], await host());
  expect(codesOf(refused)).toEqual(["PAYLOAD_UNSUPPORTED"]);
});

test("what a power cut has left is undone at the next start by the board's own update module", async () => {
  await recorder.module("files");
  await board.agent("install", await release("files"));
  const path = board.path("data/switchback-store");
  const store: { values: Record<string, string> } = JSON.parse(await readFile(path, "utf8"));
  const cutOff = { ...JSON.parse(store.values["state"] ?? ""), state: "install", phase: "main" };
  await writeFile(path, JSON.stringify({ ...store, values: { ...store.values, state: JSON.stringify(cutOff) } }));
  await recorder.take();
  const booted = await cli("switchback", ["board", "boot", board.dir], await host());
  expect([booted.exitCode, booted.out.at(-2)]).toEqual([0, "Rolled back."]);
  expect(await recorder.take()).toContain("files:ArtifactRollback");
});
