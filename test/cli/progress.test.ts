import { expect, test } from "vitest";
import { createProgress } from "../../src/cli/progress.ts";
import { RecordingIo } from "../support/recording-io.ts";

const MIB = 1024 ** 2;

function rig(stderrIsTerminal: boolean, totalBytes: number | undefined) {
  const io = new RecordingIo(stderrIsTerminal);
  let nowMs = 5000;
  const progress = createProgress(io, "writing", totalBytes, () => nowMs);
  const after = (ms: number, bytes: number): void => {
    nowMs += ms;
    progress.advance(bytes);
  };
  return { io, progress, after };
}

test("a bar shows percent, rate and time left once the work has taken more than a second", () => {
  const { io, progress, after } = rig(true, 100 * MIB);
  after(1000, 10 * MIB);
  expect(io.errText).toBe("");
  after(1000, 15 * MIB);
  expect(io.errText).toBe("\r\x1b[Kwriting [######------------------]  25% 12.5 MiB/s ETA 0:06");
  after(6000, 75 * MIB);
  progress.done();
  expect(io.errText.split("\r\x1b[K").slice(2)).toEqual([
    "writing [########################] 100% 12.5 MiB/s",
    "writing [########################] 100% 12.5 MiB/s\n",
  ]);
});

test("nothing is drawn when the work is done within a second", () => {
  const { io, progress, after } = rig(true, MIB);
  after(999, MIB);
  progress.done();
  expect(io.errText).toBe("");
});

test("nothing is drawn when stderr is no terminal, however long it takes", () => {
  const { io, progress, after } = rig(false, MIB);
  after(60_000, MIB);
  progress.done();
  expect(io.errText).toBe("");
});

test("the bar is redrawn ten times a second at most, and not after the end", () => {
  const { io, progress, after } = rig(true, 1000);
  after(1001, 1);
  for (let index = 0; index < 100; index += 1) after(10, 1);
  progress.done();
  progress.done();
  after(1000, 1);
  expect(io.errText.split("\r").length - 1).toBe(1 + 10 + 1);
  expect(io.errText.endsWith("\n")).toBe(true);
});

test("without a known size bytes and rate are shown", () => {
  const { io, after } = rig(true, undefined);
  after(2000, 3 * MIB);
  expect(io.errText).toBe("\r\x1b[Kwriting 3.0 MiB 1.5 MiB/s");
});

test("hours left are shown in minutes, and more bytes than announced stay at 100 percent", () => {
  const { io, after } = rig(true, 10_000 * MIB);
  after(2000, MIB);
  expect(io.errText).toContain("  0% 0.5 MiB/s ETA 333:18");
  after(2000, 20_000 * MIB);
  expect(io.errText).toContain("100% 5000.3 MiB/s");
});
