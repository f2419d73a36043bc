import { afterEach, beforeAll, expect, test } from "vitest";
import type { DownloadRecord } from "../../../src/core/install/download-record.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import { ManagedBoard } from "./managed-board.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

let program: BuiltProgram;
beforeAll(async () => {
  program = await BuiltProgram.build();
});

let device: ManagedBoard;
afterEach(() => device.remove());

/** Waits until the agent has a checkpoint of at least `storedBytes`. @returns the record of the download */
async function stored(storedBytes: number): Promise<DownloadRecord> {
  for (;;) {
    const { state = "{}" } = await device.board.stored();
    const { download } = JSON.parse(state);
    if ((download?.checkpoint?.storedBytes ?? 0) >= storedBytes) return download;
    await pause();
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

test("a daemon that is killed before anything is stored starts the download over", async () => {
  device = await ManagedBoard.make(program, { slotKib: 4 * KIB });
  const { board, server } = device;
  const Switchback = { Bootloader: "fake", Board: board.dir };
  await board.configure({ Switchback: { ...Switchback, RateLimitBytesPerSecond: 128 * KIB } });
  await device.deploy(await board.release("v2", "yes", {}, 2 * KIB));
  const { child, ended } = device.start("daemon");
  await server.asked("/v2.mender");
  while (JSON.parse((await board.stored())["state"] ?? "{}").download === undefined) await pause();
  child.kill("SIGKILL");
  await ended;
  await board.configure({ Switchback });
  expect((await device.run("daemon")).exitCode).toBe(4);
  expect(server.of("/v2.mender").map(({ headers }) => headers.range)).toEqual([undefined, undefined]);
  expect(device.statuses).toEqual(["downloading", "downloading", "installing", "rebooting"]);
});

const bytesAsked = (range: string | undefined): number => {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  return Number(to) - Number(from) + 1;
};

// Only a quarter of an image looks random, so compression reduces the image to about that quarter.
const SPEEDS = { none: 4 * MIB, gzip: MIB, zstd: MIB };

for (const compression of ["none", "gzip", "zstd"] as const) {
  test(`a daemon that is killed in a download (${compression}) resumes after the part that it has stored`, async () => {
    device = await ManagedBoard.make(program, { slotKib: 16 * KIB });
    const { board, server } = device;
    const Switchback = { Bootloader: "fake", Board: board.dir, RateLimitBytesPerSecond: SPEEDS[compression] };
    await board.configure({ Switchback });
    const artifact = await device.deploy(await board.release("v2", "yes", { compression }, 12 * KIB));
    const { child, ended } = device.start("daemon");
    await stored(6 * MIB);
    child.kill("SIGKILL");
    await ended;
    const left = await stored(6 * MIB);
    expect((await device.run("daemon")).exitCode).toBe(4);
    const { headBytes = 0, artifactByte = 0 } = left.checkpoint ?? {};
    const ranges = server.of("/v2.mender").map(({ headers }) => headers.range);
    expect(ranges).toEqual([undefined, `bytes=0-${headBytes - 1}`, `bytes=${artifactByte}-${artifact.length - 1}`]);
    const again = ranges.slice(1).reduce((sum, range) => sum + bytesAsked(range), 0);
    expect(again / artifact.length).toBeLessThan(0.6);
    expect(device.statuses).toEqual(["downloading", "downloading", "installing", "rebooting"]);
    expect((await board.boot()).outcome).toMatchObject({ kind: "up", slot: "B" });
    await device.daemonUntilIdle();
    expect((await board.agent("show-artifact")).out).toEqual(["v2"]);
  });
}
