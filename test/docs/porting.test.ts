import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect } from "vitest";
import { needs } from "../support/needs.ts";
import { RecordingIo } from "../support/recording-io.ts";
import { cli, TestBoard } from "../support/test-board.ts";

/** The doctor tells everyone else first that they are not root. */
const { test } = needs("root");

const page = await readFile("docs/porting.md", "utf8");
const ADAPTER = /```sh\n(#!\/bin\/sh\n[\s\S]*?)```/.exec(page)?.[1] ?? "";
/** An example on the page: a command and its output. */
const shown = [...page.matchAll(/```text\n\$ (switchback doctor.*)\n([\s\S]*?)```/g)].map(
  ([, command = "", out = ""]) => ({
    command,
    out: out.trimEnd().split("\n"),
  }),
);

let board: TestBoard;
beforeAll(async () => {
  board = await TestBoard.make({ slotKib: 65_536 });
  await rm(board.path("data"), { recursive: true });
  await configure({});
});
afterAll(() => board.remove());

const configure = (keys: object): Promise<void> => writeFile(board.path("etc/mender.conf"), JSON.stringify(keys));

/** The actions that the page asks of its reader before the doctor runs again. */
const STEPS: Readonly<Record<string, () => Promise<unknown>>> = {
  "1, a bare board": () => configure({ Switchback: { Board: board.dir } }),
  "2, slots and adapter are configured": async () => {
    await writeFile(board.file("toy.sh"), ADAPTER);
    await chmod(board.file("toy.sh"), 0o755);
    await configure({
      RootfsPartA: board.path("slots/rootfs2"),
      RootfsPartB: board.path("slots/rootfs3"),
      Switchback: { Board: board.dir, Bootloader: { Program: board.file("toy.sh"), Options: {} } },
    });
  },
  "3, the data partition is mounted": () => mkdir(board.path("data")),
  "4, the device type is written": () => writeFile(board.path("data/device_type"), "device_type=my-board\n"),
};

for (const [index, [title, act]] of Object.entries(STEPS).entries()) {
  test(`after step ${title} the doctor says what the page shows`, async () => {
    await act();
    const env = { MENDER_CONF_DIR: board.path("etc"), MENDER_DATA_DIR: board.path("share") };
    const { out, exitCode } = await cli("switchback", [...board.options, "doctor"], new RecordingIo(false, env));
    expect(exitCode).toBe(index === 3 ? 0 : 1);
    const { command, out: expected } = shown[index] ?? expect.fail("the page shows no such step");
    const lines = command.endsWith("| grep -v ^ok") ? out.filter((line) => !line.startsWith("ok")) : out;
    expect(lines.map(asOnThePage)).toEqual(expected);
  });
}

/** Replaces the time and the free space with those of the day on which the page was written. */
const asOnThePage = (line: string): string =>
  line
    .replaceAll(board.dir, "board")
    .replace(/free space: [0-9.]+ [KM]iB/, "free space: 412.6 MiB")
    .replace(/clock: 20.*Z/, "clock: 2026-11-22T10:21:04.117Z");
