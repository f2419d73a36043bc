import { expect, test } from "vitest";
import { systemClock } from "../../../adapters/clock/system-clock.ts";
import { createSystemPower } from "../../../adapters/power/system-power.ts";
import { createChildProcess } from "../../../adapters/process/child-process.ts";
import type { Process } from "../../../src/ports/process.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const TEN_MINUTES_MS = 10 * 60 * 1000;
const never = new AbortController().signal;
const power = (argv: readonly [string, ...string[]], allowedMs: number) =>
  createSystemPower({ process: createChildProcess(), clock: systemClock, argv, allowedMs });

test("a device that still runs after the time allowed has not been rebooted", async () => {
  const started = performance.now();
  await expect(power(["true"], 200).reboot(undefined, never)).rejects.toMatchObject({
    code: "REBOOT_FAILED",
    detail: { program: "true", waitedMs: 200 },
  });
  expect(performance.now() - started).toBeGreaterThanOrEqual(199);
});

test("a failing program is reported with its status and its output", async () => {
  await expect(power(["sh", "-c", "echo no >&2; exit 7"], 60_000).reboot(undefined, never)).rejects.toMatchObject({
    code: "REBOOT_FAILED",
    detail: { status: 7, stderr: "no" },
  });
});

test("the argument reaches the program as one word", async () => {
  const printing = power(["sh", "-c", 'echo "$0|$1|$#" >&2; exit 7', "reboot"], 60_000);
  await expect(printing.reboot("0 tryboot", never)).rejects.toMatchObject({ detail: { stderr: "reboot|0 tryboot|1" } });
  await expect(printing.reboot(undefined, never)).rejects.toMatchObject({ detail: { stderr: "reboot||0" } });
});

test("a program that a signal ends may have been ended by the reboot, so the device gets time", async () => {
  await expect(power(["sh", "-c", "kill -9 $$"], 100).reboot(undefined, never)).rejects.toMatchObject({
    code: "REBOOT_FAILED",
    detail: { waitedMs: 100 },
  });
});

test("a program that is missing or hangs is the cause", async () => {
  await expect(power(["no-such-reboot"], 1_000).reboot(undefined, never)).rejects.toMatchObject({
    code: "REBOOT_FAILED",
    cause: { code: "PROCESS_MISSING" },
  });
  await expect(power(["sleep", "60"], 100).reboot(undefined, never)).rejects.toMatchObject({
    code: "REBOOT_FAILED",
    cause: { code: "PROCESS_TIMEOUT" },
  });
});

test("being stopped while waiting to go down is not a failure to reboot", async () => {
  for (const argv of [["true"], ["sleep", "60"]] as const) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("SIGTERM")), 50);
    await expect(power(argv, 60_000).reboot(undefined, controller.signal)).rejects.toThrow("SIGTERM");
  }
});

test("the device gets ten minutes to go down, and not a moment more", async () => {
  const clock = createVirtualClock();
  const process: Process = { run: async () => ({ exitCode: 0, stdout: "", stderr: "" }) };
  let failure: unknown;
  createSystemPower({ process, clock })
    .reboot(undefined, never)
    .catch((error: unknown) => {
      failure = error;
    });
  await clock.pass(TEN_MINUTES_MS - 1);
  expect(failure).toBeUndefined();
  await clock.pass(1);
  expect(failure).toMatchObject({ code: "REBOOT_FAILED", detail: { waitedMs: TEN_MINUTES_MS } });
});
