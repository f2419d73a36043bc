import fc from "fast-check";
import { expect, test } from "vitest";
import { type KernelFate, powerOn } from "../../../../adapters/bootloader/fake/power-on.ts";
import type { SlotId } from "../../../../src/ports/bootloader.ts";

const PARTITIONS = { A: 2, B: 10 };
const FATES: readonly KernelFate[] = ["up", "hangs", "panics", "unloadable"];
const UP = { A: "up", B: "up" } as const;

const stored = (pairs: Readonly<Record<string, string>>) =>
  new Map(Object.entries({ mender_saveenv_canary: "1", ...pairs }));
const onA = { mender_boot_part: "2", mender_boot_part_hex: "2" };
const onB = { mender_boot_part: "10", mender_boot_part_hex: "A" };
const armedB = stored({ ...onB, upgrade_available: "1", bootcount: "0" });

function plainly(result: ReturnType<typeof powerOn>) {
  const { env, outcome, steps } = result;
  return { env: Object.fromEntries(env), outcome, saves: steps.filter((step) => step.kind === "save").length };
}

test("without a trial nothing is counted and nothing is saved", () => {
  const env = { ...onA, mender_saveenv_canary: "1", upgrade_available: "0", bootcount: "7" };
  expect(plainly(powerOn(stored(env), PARTITIONS, UP))).toEqual({ env, outcome: { kind: "up", slot: "A" }, saves: 0 });
});

test("the first start of a trial counts to 1 and boots the new slot", () => {
  const env = { ...onB, mender_saveenv_canary: "1", upgrade_available: "1", bootcount: "1" };
  expect(plainly(powerOn(armedB, PARTITIONS, UP))).toEqual({ env, outcome: { kind: "up", slot: "B" }, saves: 1 });
});

test("the second start of a trial switches back, ends the trial and keeps the count", () => {
  const first = powerOn(armedB, PARTITIONS, UP);
  const env = { ...onA, mender_saveenv_canary: "1", upgrade_available: "0", bootcount: "2" };
  expect(plainly(powerOn(first.env, PARTITIONS, UP))).toEqual({ env, outcome: { kind: "up", slot: "A" }, saves: 2 });
});

test("going back from A writes the other slot's number in hexadecimal", () => {
  const env = stored({ ...onA, upgrade_available: "1", bootcount: "1" });
  expect(powerOn(env, PARTITIONS, UP).env.get("mender_boot_part_hex")).toBe("A");
});

for (const fate of ["unloadable", "panics"] as const) {
  test(`a trial slot that is ${fate} falls back within one power-on`, () => {
    const { env, outcome } = powerOn(armedB, PARTITIONS, { A: "up", B: fate });
    expect(outcome).toEqual({ kind: "up", slot: "A" });
    expect(env.get("upgrade_available")).toBe("0");
  });
}

test("a trial slot that hangs waits for the power switch, and then the old slot comes up", () => {
  const first = powerOn(armedB, PARTITIONS, { A: "up", B: "hangs" });
  expect(first.outcome).toEqual({ kind: "hangs", slot: "B" });
  expect(powerOn(first.env, PARTITIONS, { A: "up", B: "hangs" }).outcome).toEqual({ kind: "up", slot: "A" });
});

test("without a trial a bad slot is not left: the boot loader stays at its prompt, or resets for ever", () => {
  const env = stored({ ...onA, upgrade_available: "0" });
  expect(powerOn(env, PARTITIONS, { A: "unloadable", B: "up" }).outcome).toEqual({ kind: "prompt" });
  const endless = powerOn(env, PARTITIONS, { A: "panics", B: "up" });
  expect(endless.outcome).toEqual({ kind: "resets" });
  expect(endless.steps, "said once, not at every reset").toHaveLength(1);
});

test("bootlimit is honoured: 3 gives three starts, 0 never goes back", () => {
  let env: ReadonlyMap<string, string> = new Map([...armedB, ["bootlimit", "3"]]);
  const came: unknown[] = [];
  for (let start = 0; start < 4; start += 1) {
    const result = powerOn(env, PARTITIONS, UP);
    env = result.env;
    came.push(result.outcome);
  }
  expect(came.map((outcome) => Object(outcome).slot)).toEqual(["B", "B", "B", "A"]);
  const never = new Map([...armedB, ["bootlimit", "0"]]);
  expect(powerOn(never, PARTITIONS, { A: "up", B: "unloadable" }).outcome).toEqual({ kind: "resets" });
});

test("mender_setup leaves the canary once", () => {
  const first = powerOn(new Map(Object.entries(onA)), PARTITIONS, UP);
  expect(first.env.get("mender_saveenv_canary")).toBe("1");
  expect(plainly(powerOn(first.env, PARTITIONS, UP)).saves).toBe(0);
});

test("a hexadecimal number that names another slot loads the wrong kernel and counts as no system", () => {
  const env = stored({ ...onA, mender_boot_part_hex: "A", upgrade_available: "0" });
  expect(powerOn(env, PARTITIONS, UP).outcome).toEqual({ kind: "prompt" });
});

test("lower-case hexadecimal, as the C++ client writes it, boots as well", () => {
  expect(powerOn(stored({ ...onB, mender_boot_part_hex: "a" }), PARTITIONS, UP).outcome).toEqual({
    kind: "up",
    slot: "B",
  });
});

const slotArbitrary = fc.constantFrom<SlotId>("A", "B");
const envOf = (slot: SlotId, trial: boolean, count: number, canary: boolean): ReadonlyMap<string, string> =>
  new Map(
    Object.entries({
      ...(slot === "A" ? onA : onB),
      upgrade_available: trial ? "1" : "0",
      bootcount: String(count),
      ...(canary ? { mender_saveenv_canary: "1" } : {}),
    }),
  );

test("with a good system in the other slot, two power-ons always bring up a system during a trial", () => {
  fc.assert(
    fc.property(slotArbitrary, fc.nat(5), fc.boolean(), fc.constantFrom(...FATES), (slot, count, canary, fate) => {
      const fates = slot === "A" ? { A: fate, B: "up" as const } : { A: "up" as const, B: fate };
      const first = powerOn(envOf(slot, true, count, canary), PARTITIONS, fates);
      if (first.outcome.kind === "up") return;
      expect(first.outcome.kind).toBe("hangs");
      expect(powerOn(first.env, PARTITIONS, fates).outcome.kind).toBe("up");
    }),
  );
});

test("a power cut between any two saves never costs the good system, and never moves a board that is not on trial", () => {
  fc.assert(
    fc.property(
      slotArbitrary,
      fc.boolean(),
      fc.nat(2),
      fc.boolean(),
      fc.constantFrom(...FATES),
      fc.nat(3),
      (...drawn) => {
        const [slot, trial, count, canary, fate, cutAfter] = drawn;
        const other: SlotId = slot === "A" ? "B" : "A";
        // The good system is the other slot during a trial, and the planned slot otherwise.
        const good = trial ? other : slot;
        const fates = good === "A" ? { A: "up" as const, B: fate } : { A: fate, B: "up" as const };
        const whole = powerOn(envOf(slot, trial, count, canary), PARTITIONS, fates);
        const saves = whole.steps.flatMap((step) => (step.kind === "save" ? [step.env] : []));
        const cutEnv = cutAfter === 0 ? envOf(slot, trial, count, canary) : saves[cutAfter - 1];
        if (cutEnv === undefined) return;
        const second = powerOn(cutEnv, PARTITIONS, fates);
        const last = second.outcome.kind === "up" ? second : powerOn(second.env, PARTITIONS, fates);
        expect(last.outcome.kind).toBe("up");
        if (!trial) expect(last.outcome).toEqual({ kind: "up", slot });
      },
    ),
  );
});

test("any environment at all comes to an end, and the reported environment is the last one saved", () => {
  const text = fc.oneof(fc.constantFrom("", "0", "1", "2", "10", "A", "x", "99999999999999999999"), fc.string());
  const keys = ["mender_boot_part", "mender_boot_part_hex", "upgrade_available", "bootcount", "bootlimit"];
  fc.assert(
    fc.property(
      fc.array(text, { minLength: 5, maxLength: 5 }),
      fc.constantFrom(...FATES),
      fc.constantFrom(...FATES),
      (values, A, B) => {
        const env = new Map(keys.map((key, index) => [key, values[index] ?? ""]));
        const { steps, env: after } = powerOn(env, PARTITIONS, { A, B });
        const last = steps.flatMap((step) => (step.kind === "save" ? [step.env] : [])).at(-1);
        expect(after).toBe(last ?? env);
      },
    ),
  );
});
