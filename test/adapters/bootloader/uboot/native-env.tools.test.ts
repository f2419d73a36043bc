import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { createExclusive } from "../../../../adapters/bootloader/exclusive.ts";
import { decodeRecord, encodeRecord } from "../../../../adapters/bootloader/uboot/env-record.ts";
import { parseFwEnvConfig } from "../../../../adapters/bootloader/uboot/fw-env-config.ts";
import { createNativeEnv } from "../../../../adapters/bootloader/uboot/native-env.ts";
import { openRawFile } from "../../../../adapters/linux/raw-file.ts";
import { needs } from "../../../support/needs.ts";
import { COPY_BYTES, makeRealEnv, type RealEnv } from "./real-env.ts";

const { test } = needs("bootLocks");

const { signal } = new AbortController();
const START = { bootcount: "0", mender_boot_part: "2", mender_boot_part_hex: "2", upgrade_available: "0" };
const TOOLS_LOCK = "/var/lock/fw_printenv.lock";

let folder = "";
let real: RealEnv;
let logged: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-native-"));
  real = makeRealEnv(folder, START);
  logged = [];
});
afterEach(() => rm(folder, { recursive: true }));

const pairs = (variables: Readonly<Record<string, string>>) => new Map(Object.entries(variables));
const native = (text = readFileSync(real.config, "utf8"), locks = [TOOLS_LOCK], waitMs = 60_000) =>
  createNativeEnv({
    layout: parseFwEnvConfig(text, real.config),
    exclusive: createExclusive(locks, waitMs),
    log: (level, message) => logged.push(`${level}: ${message}`),
    openRaw: openRawFile,
  });

/** The image that the real tool makes of these entries. */
function mkenvimage(entries: readonly string[], options: readonly string[]): string {
  const source = join(folder, "source");
  writeFileSync(source, entries.map((entry) => `${entry}\n`).join(""));
  const image = join(folder, "image");
  execFileSync("mkenvimage", [...options, "-o", image, source]);
  return image;
}

/** The given copies, torn in the middle. */
function tear(...copies: readonly (0 | 1)[]): void {
  const bytes = readFileSync(real.file);
  for (const copy of copies) bytes.fill("torn", copy * COPY_BYTES + 20, copy * COPY_BYTES + 600);
  writeFileSync(real.file, bytes);
}

/** The copy that libubootenv has written last. */
function newest(): 0 | 1 {
  const flags = [0, 1].map((copy) => readFileSync(real.file)[copy * COPY_BYTES + 4] ?? 0);
  return (flags[1] ?? 0) > (flags[0] ?? 0) ? 1 : 0;
}

for (const [kind, options, flags] of [
  ["with one copy", [], {}],
  ["for a redundant environment", ["-r"], { flags: 1 }],
] as const) {
  test(`a record ${kind} is that of mkenvimage, byte for byte, and is read again`, () => {
    const entries = ["bootcmd=run mender_setup; bootz $a - $b", "bootcount=0", "mender_boot_part=2", "x=a=b"];
    const made = readFileSync(mkenvimage(entries, ["-s", "0x2000", ...options]));
    expect(encodeRecord({ ...flags, entries }, 0x2000).equals(made)).toBe(true);
    expect(decodeRecord(made, "flags" in flags)).toEqual({ ...flags, entries });
  });
}

test("the same change leaves the variables, the order, the flags and the checksum's reach of libubootenv", async () => {
  const start = readFileSync(real.file);
  real.set({ mender_boot_part: "3", upgrade_available: "1", bootcount: "" });
  const theirs = readFileSync(real.file);
  writeFileSync(real.file, start);
  await native().write(pairs({ mender_boot_part: "3", upgrade_available: "1", bootcount: "" }), signal);
  const ours = readFileSync(real.file);
  const copies = (bytes: Buffer) => [0, 1].map((copy) => bytes.subarray(copy * COPY_BYTES, (copy + 1) * COPY_BYTES));
  const upToEnd = (copy: Buffer) => copy.subarray(4, copy.indexOf("\0\0") + 2).toString("latin1");
  expect(copies(ours).map(upToEnd)).toEqual(copies(theirs).map(upToEnd));
  for (const copy of copies(ours)) expect(decodeRecord(copy, true)).toBeDefined();
});

test("each reads the other's environment, even after more saves than the flags can count", async () => {
  const env = native();
  for (let save = 0; save < 260; save += 1) {
    await env.write(pairs({ ours: `${save}` }), signal);
    if (save % 20 !== 0) continue;
    real.set({ theirs: `${save}` });
    expect(real.print()).toEqual({ ...START, ours: `${save}`, theirs: `${save}` });
    expect(Object.fromEntries(await env.read(["ours", "theirs"], signal))).toEqual({
      ours: `${save}`,
      theirs: `${save}`,
    });
  }
});

test("with one copy torn both read the other one, and the next write mends it", async () => {
  real.set({ bootcount: "1" });
  tear(newest());
  const env = native();
  expect((await env.read(["bootcount"], signal)).get("bootcount")).toBe("0");
  expect(real.print()).toEqual(START);
  await env.write(pairs({ bootcount: "5" }), signal);
  expect(real.print()).toEqual({ ...START, bootcount: "5" });
  expect(await env.diagnose?.(signal)).toEqual([
    { level: "good", subject: "copies of the boot environment", found: "both are valid" },
  ]);
});

test("a write touches only the copy that is not in use", async () => {
  const [env, before, used] = [native(), readFileSync(real.file), newest()];
  await env.write(pairs({ bootcount: "1" }), signal);
  const after = readFileSync(real.file);
  const at = used * COPY_BYTES;
  expect(after.subarray(at, at + COPY_BYTES).equals(before.subarray(at, at + COPY_BYTES))).toBe(true);
  expect(newest()).toBe(used === 0 ? 1 : 0);
});

test("if both copies are damaged, nothing is read or written, and the error names place and size", async () => {
  tear(0, 1);
  const before = readFileSync(real.file);
  const damaged = { code: "BOOTENV_DAMAGED", detail: { device: real.file, offset: 0, sizeBytes: 0x4000, copies: 2 } };
  await expect(native().read(["bootcount"], signal)).rejects.toMatchObject(damaged);
  await expect(native().write(pairs({ bootcount: "1" }), signal)).rejects.toMatchObject(damaged);
  expect(readFileSync(real.file).equals(before)).toBe(true);
  expect(await native().diagnose?.(signal)).toMatchObject([{ level: "bad", found: "not valid: 1 and 2 of 2" }]);
});

test("a size that is not that of the boot loader is a damaged environment, and stays untouched", async () => {
  const before = readFileSync(real.file);
  const env = native(`${real.file} 0x0 0x2000\n${real.file} 0x4000 0x2000\n`);
  await expect(env.write(pairs({ bootcount: "1" }), signal)).rejects.toMatchObject({ code: "BOOTENV_DAMAGED" });
  expect(readFileSync(real.file).equals(before)).toBe(true);
});

test("storage that ends before the environment does is an error that names it, and so is missing storage", async () => {
  await expect(native(`${real.file} 0x6000 0x4000\n`).read([], signal)).rejects.toMatchObject({
    code: "BOOTENV_READ",
    detail: { path: real.file, offset: 0x6000, wantedBytes: 0x4000, sizeBytes: 0x8000 },
  });
  await expect(native(`${folder}/absent 0x0 0x4000\n`).read([], signal)).rejects.toMatchObject({
    code: "BOOTENV_READ",
    detail: { path: `${folder}/absent` },
  });
});

test("a batch that does not fit is refused, and nothing of it is written", async () => {
  const before = readFileSync(real.file);
  const env = native();
  await expect(env.write(pairs({ a: "1", b: "x".repeat(COPY_BYTES) }), signal)).rejects.toMatchObject({
    code: "BOOTENV_FULL",
  });
  expect(readFileSync(real.file).equals(before)).toBe(true);
});

test("an environment with one copy is shared with libubootenv, with one warning and a note for the doctor", async () => {
  writeFileSync(real.config, `${real.file} 0x0 0x4000\n`);
  const image = mkenvimage(["bootcount=0", "mender_boot_part=2"], ["-s", "0x4000"]);
  writeFileSync(real.file, readFileSync(image));
  const env = native();
  real.set(START);
  for (const bootcount of ["1", "2"]) await env.write(pairs({ bootcount }), signal);
  expect(real.print()).toEqual({ ...START, bootcount: "2" });
  expect(logged).toEqual([
    `warning: The boot environment has only one copy, in ${real.file}: a power cut during a write can destroy it.`,
  ]);
  expect(await env.diagnose?.(signal)).toMatchObject([{ level: "note", subject: "copies of the boot environment" }]);
});

test("a negative offset counts from the end of the storage", async () => {
  const env = native(`${real.file} -0x8000 0x4000\n${real.file} -0x4000 0x4000\n`);
  await env.write(pairs({ bootcount: "7" }), signal);
  expect(real.print()).toEqual({ ...START, bootcount: "7" });
});

test("the lock of fw_setenv is waited for, and that of ours keeps fw_setenv waiting", async () => {
  const lock = join(folder, "tools.lock");
  const holder = spawn("flock", [lock, "sh", "-c", `echo held; sleep 0.3; touch ${folder}/released`], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  const env = native(undefined, [lock]);
  await env.write(pairs({ bootcount: "1" }), signal);
  expect(existsSync(join(folder, "released"))).toBe(true);
  expect(real.print()).toEqual({ ...START, bootcount: "1" });

  const child = await createExclusive([TOOLS_LOCK])(signal, async () => {
    const setter = spawn("fw_setenv", ["-c", real.config, "bootcount", "2"], { stdio: "ignore" });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(setter.exitCode).toBeNull();
    return setter;
  });
  await new Promise((resolve) => child.once("close", resolve));
  expect(real.print()).toEqual({ ...START, bootcount: "2" });
});

test("cancelling before a write writes nothing, and a lock that is never given back is an error in time", async () => {
  const cancelled = AbortSignal.abort(new Error("stop"));
  await expect(native().write(pairs({ bootcount: "1" }), cancelled)).rejects.toThrow("stop");
  const lock = join(folder, "tools.lock");
  await createExclusive([lock])(signal, async () => {
    await expect(native(undefined, [lock], 100).write(pairs({ bootcount: "1" }), signal)).rejects.toMatchObject({
      code: "LOCK_TIMEOUT",
      detail: { lock, timeoutMs: 100 },
    });
  });
  expect(real.print()).toEqual(START);
});

test("names and values that would become other variables are refused", async () => {
  for (const [key, value] of [
    ["a=b", "1"],
    ["", "1"],
    ["a", "1\0upgrade_available=1"],
  ] as const) {
    await expect(native().write(new Map([[key, value]]), signal)).rejects.toMatchObject({ code: "BOOTENV_WRITE" });
  }
  expect(real.print()).toEqual(START);
});
