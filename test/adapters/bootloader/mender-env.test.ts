import { expect, test } from "vitest";
import { createMenderEnvBootloader } from "../../../adapters/bootloader/mender-env.ts";
import type { BootEnv } from "../../../src/ports/boot-env.ts";

const { signal } = new AbortController();

function recordingEnv(variables: Readonly<Record<string, string>>) {
  const stored = new Map(Object.entries(variables));
  const batches: Record<string, string>[] = [];
  const env: BootEnv = {
    async read(keys) {
      return new Map([...stored].filter(([key]) => keys.includes(key)));
    },
    async write(pairs) {
      batches.push(Object.fromEntries(pairs));
      for (const [key, value] of pairs) stored.set(key, value);
    },
  };
  return { env, batches };
}

function make(variables: Readonly<Record<string, string>>, partitions = { A: 2, B: 3 }) {
  const { env, batches } = recordingEnv(variables);
  const boot = createMenderEnvBootloader({ kind: "test", env, partitions, booted: async () => "A" });
  return { boot, batches };
}

const WORKING = { mender_boot_part: "2", mender_boot_part_hex: "2", upgrade_available: "0", bootcount: "1" };

test("arming writes slot, hexadecimal slot, trial mark and a reset count in one batch", async () => {
  const { boot, batches } = make(WORKING);
  await boot.arm("B", signal);
  expect(batches).toEqual([
    { mender_boot_part: "3", mender_boot_part_hex: "3", upgrade_available: "1", bootcount: "0" },
  ]);
  expect(await boot.plan(signal)).toEqual({ slot: "B", trial: true });
});

test("confirming writes the trial mark and nothing else", async () => {
  const { boot, batches } = make({ ...WORKING, mender_boot_part: "3", upgrade_available: "1" });
  await boot.confirm(signal);
  expect(batches).toEqual([{ upgrade_available: "0" }]);
  expect(await boot.plan(signal)).toEqual({ slot: "B", trial: false });
});

test("reverting writes slot, hexadecimal slot and trial mark, and leaves bootcount alone", async () => {
  const { boot, batches } = make({ ...WORKING, mender_boot_part: "3", upgrade_available: "1" });
  await boot.revert("A", signal);
  expect(batches).toEqual([{ mender_boot_part: "2", mender_boot_part_hex: "2", upgrade_available: "0" }]);
  expect(await boot.plan(signal)).toEqual({ slot: "A", trial: false });
});

test("the hexadecimal number is in upper case without a prefix, as the Go client writes it", async () => {
  const { boot, batches } = make({ ...WORKING, mender_boot_part: "10" }, { A: 10, B: 11 });
  await boot.arm("B", signal);
  await boot.revert("A", signal);
  expect(batches.map((batch) => batch["mender_boot_part_hex"])).toEqual(["B", "A"]);
});

test("volume 0 of a UBI device is a slot like any other", async () => {
  const { boot, batches } = make({ ...WORKING, mender_boot_part: "0" }, { A: 0, B: 1 });
  expect(await boot.plan(signal)).toEqual({ slot: "A", trial: false });
  await boot.arm("A", signal);
  expect(batches[0]).toMatchObject({ mender_boot_part: "0", mender_boot_part_hex: "0" });
});

test("partition 11 is not mistaken for partition 1", async () => {
  const { boot } = make({ ...WORKING, mender_boot_part: "11" }, { A: 1, B: 2 });
  await expect(boot.plan(signal)).rejects.toMatchObject({ code: "SLOT_UNKNOWN" });
});

for (const part of [undefined, "", "4", "2x", "-2", " 2", "0x2", "A"]) {
  test(`mender_boot_part ${part === undefined ? "that is missing" : `"${part}"`} is refused by every operation`, async () => {
    const { boot, batches } = make({
      upgrade_available: "1",
      ...(part === undefined ? {} : { mender_boot_part: part }),
    });
    for (const operation of [
      () => boot.plan(signal),
      () => boot.arm("B", signal),
      () => boot.confirm(signal),
      () => boot.revert("A", signal),
    ]) {
      await expect(operation()).rejects.toMatchObject({ code: "SLOT_UNKNOWN" });
    }
    expect(batches).toEqual([]);
  });
}

test("an environment with an unanswered canary is neither used nor written", async () => {
  for (const canary of [{}, { mender_saveenv_canary: "0" }]) {
    const { boot, batches } = make({ ...WORKING, mender_check_saveenv_canary: "1", ...canary });
    for (const operation of [
      () => boot.plan(signal),
      () => boot.arm("B", signal),
      () => boot.confirm(signal),
      () => boot.revert("A", signal),
    ]) {
      await expect(operation()).rejects.toMatchObject({ code: "BOOTENV_CANARY" });
    }
    expect(batches).toEqual([]);
  }
});

test("an answered canary, or a board that does not ask for one, is fine", async () => {
  const answered = make({ ...WORKING, mender_check_saveenv_canary: "1", mender_saveenv_canary: "1" });
  await answered.boot.arm("B", signal);
  const unasked = make({ ...WORKING, mender_check_saveenv_canary: "0" });
  await unasked.boot.arm("B", signal);
  expect([answered.batches.length, unasked.batches.length]).toEqual([1, 1]);
});

test("a boot environment without upgrade_available has no trial pending", async () => {
  const { boot, batches } = make({ mender_boot_part: "3" });
  expect(await boot.plan(signal)).toEqual({ slot: "B", trial: false });
  expect(batches, "reading repairs nothing").toEqual([]);
});

const CANARY = "mender_saveenv_canary";
for (const [level, variables] of [
  ["good", { mender_check_saveenv_canary: "1", [CANARY]: "1" }],
  ["bad", { mender_check_saveenv_canary: "1" }],
  ["note", {}],
] as const) {
  test(`the canary is a ${level} finding with ${JSON.stringify(variables)}`, async () => {
    const { boot, batches } = make({ ...WORKING, ...variables });
    const found = await boot.diagnose?.(signal);
    expect(found?.map((finding) => [finding.subject, finding.level])).toEqual([["canary", level]]);
    expect(batches).toEqual([]);
  });
}

test("a boot loader that leaves no canary needs none, unless the check is configured", async () => {
  const levels = async (variables: Readonly<Record<string, string>>) => {
    const { env } = recordingEnv({ ...WORKING, ...variables });
    const parts = { kind: "test", env, partitions: { A: 2, B: 3 }, booted: async () => "A" as const };
    const found = await createMenderEnvBootloader({ ...parts, leavesCanary: false }).diagnose?.(signal);
    return found?.map(({ level }) => level);
  };
  expect(await levels({})).toEqual([]);
  expect(await levels({ mender_check_saveenv_canary: "1" })).toEqual(["bad"]);
});

test("what the environment knows about itself comes before the canary", async () => {
  const { env } = recordingEnv(WORKING);
  const copies = { level: "good", subject: "copies", found: "both are valid" } as const;
  const boot = createMenderEnvBootloader({
    kind: "test",
    env: { ...env, diagnose: async () => [copies] },
    partitions: { A: 2, B: 3 },
    booted: async () => "A",
  });
  expect((await boot.diagnose?.(signal))?.[0]).toEqual(copies);
});
