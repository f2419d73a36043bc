import { readFileSync, writeFileSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMenderEnvBootloader } from "../../../adapters/bootloader/mender-env.ts";
import { createToolEnv } from "../../../adapters/bootloader/tool-env.ts";
import { fwEnvTools } from "../../../adapters/bootloader/uboot/fw-env-tools.ts";
import { createChildProcess } from "../../../adapters/process/child-process.ts";
import type { BootEnv } from "../../../src/ports/boot-env.ts";
import { COPY_BYTES, makeRealEnv, type RealEnv } from "./uboot/real-env.ts";

const { signal } = new AbortController();
const START = { bootcount: "0", mender_boot_part: "2", mender_boot_part_hex: "2", upgrade_available: "0" };

let folder = "";
let real: RealEnv;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-fwenv-"));
  real = makeRealEnv(folder, START);
});
afterEach(() => rm(folder, { recursive: true }));

const pairs = (variables: Readonly<Record<string, string>>) => new Map(Object.entries(variables));
const realEnv = () => createToolEnv(createChildProcess(), fwEnvTools(real.config));

/** A program of this test that replaces a tool. */
async function program(name: string, script: string): Promise<readonly [string]> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return [path];
}

test("a batch lands in the real environment and reads back", async () => {
  const env = realEnv();
  await env.write(pairs({ mender_boot_part: "3", upgrade_available: "1" }), signal);
  expect(real.print()).toEqual({ ...START, mender_boot_part: "3", upgrade_available: "1" });
  expect(Object.fromEntries(await env.read(["mender_boot_part", "bootcount"], signal))).toEqual({
    mender_boot_part: "3",
    bootcount: "0",
  });
});

test("a missing variable and an empty one both count as not set", async () => {
  expect(await realEnv().read(["absent"], signal)).toEqual(new Map());
  expect(await realEnv().read(["absent", "bootcount"], signal)).toEqual(new Map([["bootcount", "0"]]));
});

test("an empty value deletes, and a value may hold equals signs and blanks", async () => {
  await realEnv().write(pairs({ bootcount: "", bootargs: "root=/dev/mmcblk0p2 quiet" }), signal);
  const { bootcount: _, ...others } = START;
  expect(real.print()).toEqual({ ...others, bootargs: "root=/dev/mmcblk0p2 quiet" });
});

test("arm, confirm and revert leave exactly the variables of the contract", async () => {
  const boot = createMenderEnvBootloader({
    kind: "uboot",
    env: realEnv(),
    partitions: { A: 2, B: 10 },
    booted: async () => "A",
  });
  real.set({ bootcount: "7" });
  await boot.arm("B", signal);
  expect(real.print()).toEqual({
    mender_boot_part: "10",
    mender_boot_part_hex: "A",
    upgrade_available: "1",
    bootcount: "0",
  });
  real.set({ bootcount: "1" });
  await boot.confirm(signal);
  expect(real.print()).toEqual({
    mender_boot_part: "10",
    mender_boot_part_hex: "A",
    upgrade_available: "0",
    bootcount: "1",
  });
  await boot.revert("A", signal);
  expect(real.print()).toEqual({
    mender_boot_part: "2",
    mender_boot_part_hex: "2",
    upgrade_available: "0",
    bootcount: "1",
  });
});

for (const [title, at] of [
  ["its checksum", 0],
  ["its middle", 40],
] as const) {
  test(`a new copy torn at ${title} leaves the variables from before the write`, async () => {
    const before = readFileSync(real.file);
    await realEnv().write(pairs({ mender_boot_part: "3", upgrade_available: "1" }), signal);
    const after = readFileSync(real.file);
    const start = [0, COPY_BYTES].find((copy) => {
      return !before.subarray(copy, copy + COPY_BYTES).equals(after.subarray(copy, copy + COPY_BYTES));
    });
    if (start === undefined) throw new Error("neither copy changed");
    before.copy(after, start + at, start + at, start + at + 8);
    writeFileSync(real.file, after);
    expect(Object.fromEntries(await realEnv().read(Object.keys(START), signal))).toEqual(START);
    await realEnv().write(pairs({ bootcount: "1" }), signal);
    expect(real.print()).toEqual({ ...START, bootcount: "1" });
  });
}

test("both copies torn is a damaged environment, not an empty one", async () => {
  writeFileSync(real.file, Buffer.alloc(2 * COPY_BYTES, 0x5a));
  await expect(realEnv().read(["bootcount"], signal)).rejects.toMatchObject({ code: "BOOTENV_DAMAGED" });
  await expect(realEnv().write(pairs({ bootcount: "1" }), signal)).rejects.toMatchObject({ code: "BOOTENV_DAMAGED" });
});

test("a configuration that is not there is an unreadable environment that names the tool and its words", async () => {
  const env = createToolEnv(createChildProcess(), fwEnvTools(join(folder, "absent")));
  await expect(env.read(["bootcount"], signal)).rejects.toMatchObject({
    code: "BOOTENV_READ",
    detail: { tool: "fw_printenv", said: "Configuration file wrong or corrupted" },
  });
});

test("a missing tool is named, with the package that brings it", async () => {
  const env = createToolEnv(createChildProcess(), {
    ...fwEnvTools(),
    printArgv: ["/nowhere/fw_printenv"],
    setArgv: ["/nowhere/fw_setenv"],
  });
  const error = { code: "BOOTENV_TOOL", detail: { package: "libubootenv-tool or u-boot-tools" } };
  await expect(env.read(["bootcount"], signal)).rejects.toMatchObject(error);
  await expect(env.write(pairs({ bootcount: "1" }), signal)).rejects.toMatchObject(error);
});

test("a tool that succeeds without storing anything is noticed", async () => {
  const setArgv = await program("set", "cat > /dev/null");
  const env = createToolEnv(createChildProcess(), { ...fwEnvTools(real.config), setArgv });
  await expect(env.write(pairs({ bootcount: "1" }), signal)).rejects.toMatchObject({
    code: "BOOTENV_WRITE",
    detail: { exitStatus: 0 },
  });
  expect(real.print()).toEqual(START);
});

test("a tool that fails and yet stores everything has stored everything", async () => {
  const setArgv = await program("set", `fw_setenv -c ${real.config} "$@"\nexit 3`);
  await createToolEnv(createChildProcess(), { ...fwEnvTools(real.config), setArgv }).write(
    pairs({ bootcount: "1" }),
    signal,
  );
  expect(real.print()).toEqual({ ...START, bootcount: "1" });
});

test("a tool that stores only part of a batch is noticed", async () => {
  const setArgv = await program("set", `head -n 1 | fw_setenv -c ${real.config} -s -`);
  const env = createToolEnv(createChildProcess(), { ...fwEnvTools(real.config), setArgv });
  await expect(env.write(pairs({ bootcount: "1", upgrade_available: "1" }), signal)).rejects.toMatchObject({
    code: "BOOTENV_WRITE",
  });
});

test("an old tool that takes only blanks between name and value gets them at the second try", async () => {
  const setArgv = await program("set", `sed -n 's/^\\([^= ]*\\) /\\1=/p' | fw_setenv -c ${real.config} -s -`);
  const env = createToolEnv(createChildProcess(), { ...fwEnvTools(real.config), setArgv });
  await env.write(pairs({ bootcount: "1", bootargs: "root=/dev/sda2 quiet" }), signal);
  expect(real.print()).toEqual({ ...START, bootcount: "1", bootargs: "root=/dev/sda2 quiet" });
});

test("an old tool that fails on missing names is asked for all, and an environment without them is fine", async () => {
  const printArgv = await program(
    "print",
    `[ $# = 0 ] && exec fw_printenv -c ${real.config}\necho "## Error: \\"$1\\" not defined" >&2\nexit 1`,
  );
  const env = createToolEnv(createChildProcess(), { ...fwEnvTools(real.config), printArgv });
  expect(await env.read(["absent"], signal)).toEqual(new Map());
});

test("an old tool that falls back to its built-in environment, because no copy is valid, is not trusted", async () => {
  // Recorded from u-boot-tools 2023.01.
  const warning = "Warning: Bad CRC, using default environment";
  const printArgv = await program("print", `echo "${warning}" >&2\necho mender_boot_part=2`);
  const env = createToolEnv(createChildProcess(), { ...fwEnvTools(real.config), printArgv });
  await expect(env.read(["mender_boot_part"], signal)).rejects.toMatchObject({
    code: "BOOTENV_DAMAGED",
    detail: { said: warning },
  });
});

test("names and values that would become other lines of the script are refused", async () => {
  for (const [key, value] of [
    ["a b", "1"],
    ["a=b", "1"],
    ["#a", "1"],
    ["", "1"],
    ["a", "1\nupgrade_available=1"],
  ] as const) {
    await expect(realEnv().write(new Map([[key, value]]), signal)).rejects.toMatchObject({ code: "BOOTENV_WRITE" });
  }
  expect(real.print()).toEqual(START);
});

test("cancelling before a write writes nothing; cancelling during it does not tear it", async () => {
  const cancelled = AbortSignal.abort(new Error("stop"));
  await expect(realEnv().write(pairs({ bootcount: "1" }), cancelled)).rejects.toThrow("stop");
  expect(real.print()).toEqual(START);
  const controller = new AbortController();
  const setArgv = await program("set", `touch ${folder}/begun; sleep 0.2; exec fw_setenv -c ${real.config} "$@"`);
  const slow = createToolEnv(createChildProcess(), { ...fwEnvTools(real.config), setArgv });
  const write = slow.write(pairs({ bootcount: "1", upgrade_available: "1" }), controller.signal);
  setTimeout(() => controller.abort(new Error("stop")), 50);
  await write;
  expect(controller.signal.aborted).toBe(true);
  expect(real.print()).toEqual({ ...START, bootcount: "1", upgrade_available: "1" });
});

test("the doctor reports that the tool reads, and how many copies fw_env.config names", async () => {
  const reads = { level: "good", subject: "boot environment", found: "fw_printenv prints 4 variables" };
  const subject = "copies of the boot environment";
  expect(await realEnv().diagnose?.(signal)).toEqual([
    reads,
    { level: "good", subject, found: `two, according to ${real.config}` },
  ]);
  await writeFile(real.config, `uboot:\n  size : 0x4000\n  devices:\n    - path : ${real.file}\n      offset : 0\n`);
  await expect(copies(createToolEnv(createChildProcess(), await printing("a=1")))).resolves.toEqual({
    level: "note",
    subject,
    found: `unknown: ${real.config} has another format`,
    advice: `Make sure that ${real.config} names two copies.`,
  });
});

/** Tools; the first prints `text`. */
const printing = async (text: string) => ({
  ...fwEnvTools(real.config),
  printArgv: await program("print", `echo ${text}`),
});

const copies = async (env: BootEnv) => (await env.diagnose?.(signal))?.[1];
