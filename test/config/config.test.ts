import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Config, type ConfigFiles, loadConfig } from "../../src/config/config.ts";

let dir = "";
let logged: string[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "config-"));
  logged = [];
});
afterEach(() => rm(dir, { recursive: true }));

async function load(main: unknown, fallback?: unknown, required: Partial<ConfigFiles> = {}): Promise<Config> {
  const files = {
    main: join(dir, "main"),
    fallback: join(dir, "fallback"),
    mainRequired: false,
    fallbackRequired: false,
  };
  for (const [path, content] of [
    [files.main, main],
    [files.fallback, fallback],
  ] as const) {
    if (content !== undefined) await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  }
  return loadConfig({ ...files, ...required }, (level, message) =>
    logged.push(`${level}: ${message.replace(`${dir}/`, "")}`),
  );
}

const DEFAULTS: Config = {
  artifactVerifyKeys: [],
  stateScripts: { timeoutSeconds: 3600, retryTimeoutSeconds: 1800, retryIntervalSeconds: 60 },
  moduleTimeoutSeconds: 14_400,
  connection: {
    ...{ skipVerify: false, idleMs: 300_000, retryDownloadCount: 10, retryDownloadWaitMs: 60_000 },
    slowest: { bytesPerSecond: 100, overMs: 600_000 },
  },
  server: {
    urls: [],
    updatePollSeconds: 1800,
    inventoryPollSeconds: 28_800,
    retryPollSeconds: 300,
    retryPollCount: 0,
  },
  switchback: {
    bootloader: "uboot",
    bootEnv: "auto",
    strictCompat: false,
    verifyReadback: true,
    allowPlainHttp: false,
  },
};

test("no file at all means the defaults", async () => {
  expect(await load(undefined)).toEqual(DEFAULTS);
});

test("the main file overrides the fallback file key by key", async () => {
  expect(
    await load({ RootfsPartA: "/dev/a2" }, { RootfsPartA: "/dev/a", RootfsPartB: "/dev/b", DeviceTypeFile: "/t" }),
  ).toEqual({
    ...DEFAULTS,
    rootfsPartA: "/dev/a2",
    rootfsPartB: "/dev/b",
    deviceTypeFile: "/t",
  });
});

test("our own object is merged member by member", async () => {
  const { switchback } = await load(
    { Switchback: { Board: "/b" } },
    { Switchback: { Bootloader: "fake", Board: "/a", FwEnvConfig: "/f" } },
  );
  expect(switchback).toEqual({
    bootloader: "fake",
    bootEnv: "auto",
    strictCompat: false,
    verifyReadback: true,
    allowPlainHttp: false,
    board: "/b",
    fwEnvConfig: "/f",
  });
});

test("keys are found whatever their case, and unknown ones are left to other programs", async () => {
  expect(await load({ rootfsparta: "/dev/a", ServerURL: "https://x", switchback: { bootloader: "fake" } })).toEqual({
    ...DEFAULTS,
    rootfsPartA: "/dev/a",
    server: { ...DEFAULTS.server, urls: ["https://x"] },
    switchback: {
      bootloader: "fake",
      bootEnv: "auto",
      strictCompat: false,
      verifyReadback: true,
      allowPlainHttp: false,
    },
  });
  expect(logged).toEqual(["debug: no configuration in fallback"]);
});

test("a known key of another type is ignored with a warning", async () => {
  expect(await load({ RootfsPartA: 3, ArtifactVerifyKeys: ["a", 1], Switchback: { Board: [] } })).toEqual(DEFAULTS);
  expect(logged.filter((line) => line.startsWith("warning"))).toEqual([
    "warning: main: RootfsPartA is ignored: it must be a string",
    "warning: main: ArtifactVerifyKeys is ignored: it must be a list of strings",
    "warning: Switchback: Board is ignored: it must be a string",
  ]);
});

for (const broken of ["{", "[]", "null", ""]) {
  test(`a file at its usual place that holds ${JSON.stringify(broken)} is ignored with a warning`, async () => {
    expect(await load(broken, { RootfsPartA: "/dev/a" })).toEqual({ ...DEFAULTS, rootfsPartA: "/dev/a" });
    expect(logged[0]).toMatch(/^warning: main is ignored: /);
  });
  test(`a file named on the command line that holds ${JSON.stringify(broken)} is an error`, async () => {
    await expect(load(broken, undefined, { mainRequired: true })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
}

for (const [kind, required] of [
  ["main", { mainRequired: true }],
  ["fallback", { fallbackRequired: true }],
] as const) {
  test(`a ${kind} file named on the command line has to be there`, async () => {
    await expect(load(undefined, undefined, required)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
}

test("one verification key or several, but not both, wherever they stand", async () => {
  expect((await load({ ArtifactVerifyKey: "/k" })).artifactVerifyKeys).toEqual(["/k"]);
  expect((await load({ ArtifactVerifyKeys: ["/k", "/l"] })).artifactVerifyKeys).toEqual(["/k", "/l"]);
  await expect(load({ ArtifactVerifyKey: "/k" }, { ArtifactVerifyKeys: ["/l"] })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
  });
});

test("a boot loader that does not exist is an error that names those that do", async () => {
  await expect(load({ Switchback: { Bootloader: "lilo" } })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    detail: { key: "Switchback.Bootloader", value: "lilo", known: "uboot,grub,systemd-boot,rpi-tryboot,fake" },
  });
});

test("how boot variables are accessed is one of three ways", async () => {
  for (const way of ["auto", "native", "tools"]) {
    expect((await load({ Switchback: { BootEnv: way } })).switchback.bootEnv).toBe(way);
  }
  await expect(load({ Switchback: { BootEnv: "magic" } })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    detail: { key: "Switchback.BootEnv", value: "magic", known: "auto,native,tools" },
  });
});

test("limits of state scripts are whole seconds; 0 stands for the default", async () => {
  const keys = { StateScriptTimeoutSeconds: 5, StateScriptRetryTimeoutSeconds: 0, StateScriptRetryIntervalSeconds: 2 };
  expect((await load(keys)).stateScripts).toEqual({
    timeoutSeconds: 5,
    retryTimeoutSeconds: 1800,
    retryIntervalSeconds: 2,
  });
});

for (const odd of ["60", 1.5, -1, null, true]) {
  test(`a limit of state scripts that is ${JSON.stringify(odd)} is ignored with a warning`, async () => {
    expect(await load({ StateScriptTimeoutSeconds: odd })).toEqual(DEFAULTS);
    expect(logged.at(-1)).toBe(
      "warning: main: StateScriptTimeoutSeconds is ignored: it must be a whole number, not below 0",
    );
  });
}

test("a limit of state scripts longer than any timer is the longest that there is", async () => {
  expect((await load({ StateScriptTimeoutSeconds: 1e12 })).stateScripts.timeoutSeconds).toBe(2_147_483);
});

test("a slot is read back unless the configuration says not to", async () => {
  expect((await load({})).switchback.verifyReadback).toBe(true);
  expect((await load({ Switchback: { VerifyReadback: false } })).switchback.verifyReadback).toBe(false);
  expect((await load({ Switchback: { VerifyReadback: "no" } })).switchback.verifyReadback).toBe(true);
});

test("strict compatibility is ours, and is true or false", async () => {
  expect((await load({ Switchback: { StrictCompat: true } })).switchback.strictCompat).toBe(true);
  expect(await load({ Switchback: { StrictCompat: "yes" } })).toEqual(DEFAULTS);
  expect(logged.at(-1)).toBe("warning: Switchback: StrictCompat is ignored: it must be a boolean");
});
