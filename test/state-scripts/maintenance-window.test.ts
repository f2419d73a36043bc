import { afterEach, beforeEach, expect, test } from "vitest";
import { createScriptDevice, type ScriptDevice } from "./script-device.ts";

let device: ScriptDevice;
beforeEach(async () => {
  device = await createScriptDevice();
  // Runs the real program, but with the time of the test.
  const date = process.env["PATH"]?.includes("/usr/bin") ? "/usr/bin/date" : "/bin/date";
  await device.program("date", `exec ${date} -d "@$NOW" "$@"`);
});
afterEach(() => device.remove());

async function at(time: string, config?: string): Promise<number | undefined> {
  const NOW = String(Date.parse(time) / 1000);
  return (await device.run("rootfs/Download_Enter_20_maintenance-window", config, { NOW })).exitCode;
}

const BERLIN = "zone=CET-1CEST,M3.5.0,M10.5.0/3";
/** 2026-07-01 is a Wednesday. */
const TIMES: readonly (readonly [string, string, string | undefined, number])[] = [
  ["in the middle of the night", "2026-07-01T03:00:00Z", undefined, 0],
  ["at the minute in which it opens", "2026-07-01T01:00:00Z", undefined, 0],
  ["a second before it opens", "2026-07-01T00:59:59Z", undefined, 21],
  ["a second before it closes", "2026-07-01T04:59:59Z", undefined, 0],
  ["at the minute in which it closes", "2026-07-01T05:00:00Z", undefined, 21],
  ["at eight and nine, which are no octal numbers", "2026-07-01T08:09:00Z", "from=08:08 to=09:09", 0],
  ["in summer time", "2026-06-30T23:30:00Z", BERLIN, 0],
  ["in winter, when the same moment is an hour earlier", "2025-12-30T23:30:00Z", BERLIN, 21],
  ["before midnight, in a window that goes on after it", "2026-07-01T23:00:00Z", "from=22:00 to=04:00", 0],
  ["after midnight, in a window that began before it", "2026-07-02T03:59:00Z", "from=22:00 to=04:00", 0],
  ["by day, outside of a window over midnight", "2026-07-02T12:00:00Z", "from=22:00 to=04:00", 21],
  ["on a day on which it does not open", "2026-07-01T03:00:00Z", 'days="1 2 4 5 6 7"', 21],
  ["on Monday morning, opened on Sunday", "2026-07-06T03:00:00Z", "from=22:00 to=04:00 days=7", 0],
  ["on Tuesday morning, not opened on Monday", "2026-07-07T03:00:00Z", "from=22:00 to=04:00 days=7", 21],
  ["at any time, where it never closes", "2026-07-01T12:00:00Z", "from=00:00 to=00:00", 0],
  ["while the clock still stands in 1970", "1970-01-01T03:00:00Z", undefined, 21],
  ["with a time that is none", "2026-07-01T03:00:00Z", "from=25:00", 1],
  ["with a time zone that the device does not know", "2026-07-01T03:00:00Z", "zone=Mars/Olympus", 1],
];
for (const [when, time, config, exitCode] of TIMES) {
  test(`the maintenance window ${when}: ${exitCode}`, async () => {
    expect(await at(time, config)).toBe(exitCode);
  });
}
