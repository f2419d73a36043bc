import { expect, test } from "vitest";
import { savedSchedule, startSchedule, toSaved } from "../../../src/core/poller/schedule.ts";

const SCHEDULE = { inventory: { atMs: 9000, failures: 0 }, deployments: { atMs: 7000, failures: 2 } };

test("what one process has planned, the next one goes by", () => {
  expect(savedSchedule(toSaved(SCHEDULE, "boot-1"), "boot-1", 5000)).toEqual(SCHEDULE);
});

test("after a restart of the system, whose clock starts again, everything is due", () => {
  expect(savedSchedule(toSaved(SCHEDULE, "boot-1"), "boot-2", 50)).toEqual(startSchedule(50));
  expect(savedSchedule(undefined, "boot-2", 50)).toEqual(startSchedule(50));
});
