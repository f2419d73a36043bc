import { mkdir, mkdtemp, rm, rmdir, symlink, writeFile } from "node:fs/promises";
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
    bootloader: undefined,
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

test("keys are found in any case, and unknown ones are left to other programs", async () => {
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
  expect(await load({ RootfsPartA: 3, ServerURL: 1, Switchback: { Board: [] } })).toEqual(DEFAULTS);
  expect(logged.filter((line) => line.startsWith("warning"))).toEqual([
    "warning: main: RootfsPartA is ignored: it must be a string",
    "warning: main: ServerURL is ignored: it must be a string",
    "warning: Switchback: Board is ignored: it must be a string",
  ]);
});

const REFUSED = expect.objectContaining({ code: "CONFIG_INVALID" });

for (const [broken, place] of [
  ["{", { line: 1, column: 2, reason: "a key in double quotes or } was expected here" }],
  ["[]", { line: 1, column: 1, reason: "a JSON object was expected here" }],
  ["null", { line: 1, column: 1, reason: "a JSON object was expected here" }],
  ["", { line: 1, column: 1, reason: "a value was expected here" }],
  ['{\n  // keys\n  "ArtifactVerifyKey": "/k"\n}', { line: 2, column: 3 }],
  ['{"ArtifactVerifyKey": "/k",}', { line: 1, column: 28, reason: "a key in double quotes was expected here" }],
  ['{"TenantToken": @TOKEN@}', { line: 1, column: 17, reason: "a value was expected here" }],
  ['{"A": [1, 2}', { line: 1, column: 12 }],
  ['{"A": "b" "C": 1}', { line: 1, column: 11, reason: "a comma or the closing bracket was expected here" }],
  ['{"A": 1} x', { line: 1, column: 10, reason: "the end of the file was expected here" }],
  ['{"A": "two\nlines"}', { line: 1, column: 7 }],
] as const) {
  for (const required of [{}, { mainRequired: true }]) {
    test(`nothing is trusted for a file that holds ${JSON.stringify(broken)}, named: ${JSON.stringify(required)}`, async () => {
      const config = await load(broken, { RootfsPartA: "/dev/a", ArtifactVerifyKey: "/k" }, required);
      expect(config.rootfsPartA).toBe("/dev/a");
      expect(() => config.artifactVerifyKeys).toThrow(REFUSED);
      expect(config.refusal?.detail).toMatchObject({ file: join(dir, "main"), ...place });
      expect(logged.at(-1)).toMatch(/^error: Refusing every update: CONFIG_INVALID: /);
    });
  }
}

test("no error about a file shows its content, which may be secret", async () => {
  await load('{"TenantToken": "s3cret" "x"}');
  expect(logged.join()).not.toContain("s3cret");
});

test("a broken fallback file refuses as well, whatever the main file says", async () => {
  const config = await load({ ArtifactVerifyKey: "/k" }, "{");
  expect(() => config.artifactVerifyKeys).toThrow(REFUSED);
});

test("a folder, or a link that leads nowhere, in place of the file is no missing file", async () => {
  await mkdir(join(dir, "main"));
  expect((await load(undefined)).refusal).toEqual(REFUSED);
  await rmdir(join(dir, "main"));
  await symlink(join(dir, "not-mounted/mender.conf"), join(dir, "main"));
  expect((await load(undefined)).refusal).toEqual(REFUSED);
});

for (const [key, value, reason] of [
  ["ArtifactVerifyKey", ["/k"], "it must be a string"],
  ["artifactverifykey", 1, "it must be a string"],
  ["ArtifactVerifyKeys", "/k", "it must be a list of strings"],
  ["ArtifactVerifyKeys", ["/k", 1], "it must be a list of strings"],
  ["ArtifactVerifyKeys", null, "it must be a list of strings"],
] as const) {
  test(`${key} as ${JSON.stringify(value)} refuses, and says where it stands`, async () => {
    const config = await load(`{\n  "A": {"${key}": 1},\n  "${key}": ${JSON.stringify(value)}\n}`);
    expect(() => config.artifactVerifyKeys).toThrow(REFUSED);
    expect(config.refusal?.detail).toEqual({ file: join(dir, "main"), line: 3, column: 3, key, reason });
  });
}

test("a key that is nearly a known one is named, and other programs' keys are not", async () => {
  const switchback = { VerifyReadbak: false, Options: {} };
  await load({ ArtifactVerifyKeyz: "/k", ServerUrls: "x", DBus: {}, ReadyToGo: 1, Switchback: switchback });
  expect(logged.filter((line) => line.startsWith("warning"))).toEqual([
    "warning: main: ArtifactVerifyKeyz is not a known key; did you mean ArtifactVerifyKey?",
    "warning: main: ServerUrls is not a known key; did you mean ServerURL?",
    "warning: Switchback: VerifyReadbak is not a known key; did you mean VerifyReadback?",
  ]);
});

test("of two spellings of one key the later one applies, and the log says so", async () => {
  expect((await load({ RootfsPartA: "/dev/a", rootfsparta: "/dev/b" })).rootfsPartA).toBe("/dev/b");
  expect(logged).toContain(
    "warning: main: RootfsPartA and rootfsparta are the same key; the later one, rootfsparta, applies",
  );
});

test("a value that is not valid stops only the commands that use it", async () => {
  const config = await load({
    ServerURL: "mender.example.com",
    HttpsClient: { Key: "/k" },
    ArtifactVerifyKey: "/k",
    Switchback: { BootEnv: "magic", Payloads: { app: {} }, Device: {} },
  });
  expect(config.artifactVerifyKeys).toEqual(["/k"]);
  expect(config.switchback.bootloader).toBeUndefined();
  expect(() => config.server).toThrow(REFUSED);
  expect(() => config.connection).toThrow(REFUSED);
  expect(() => config.switchback.bootEnv).toThrow(REFUSED);
  expect(() => config.switchback.payloads).toThrow(REFUSED);
  expect(() => config.switchback.device).toThrow(REFUSED);
});

test("the reference client's own programs for the boot loader are refused by name, unless a boot loader is named", async () => {
  for (const key of ["BootUtilitiesSetActivePart", "BootUtilitiesGetNextActivePart"]) {
    const { switchback } = await load({ [key]: "/usr/bin/set-part" });
    expect(() => switchback.bootloader).toThrow(expect.objectContaining({ detail: expect.objectContaining({ key }) }));
    const named = await load({ [key]: "/usr/bin/set-part", Switchback: { Bootloader: "grub" } });
    expect(named.switchback.bootloader).toBe("grub");
  }
});

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
  const both = await load({ ArtifactVerifyKey: "/k" }, { ArtifactVerifyKeys: ["/l"] });
  expect(() => both.artifactVerifyKeys).toThrow(REFUSED);
  // An empty value counts as not set.
  expect((await load({ ArtifactVerifyKey: "", ArtifactVerifyKeys: ["/l"] })).artifactVerifyKeys).toEqual(["/l"]);
  expect((await load({ ArtifactVerifyKey: "/k", ArtifactVerifyKeys: [] })).artifactVerifyKeys).toEqual(["/k"]);
});

test("a boot loader that does not exist is an error that names those that do", async () => {
  const { switchback } = await load({ Switchback: { Bootloader: "lilo" } });
  const detail = { key: "Switchback.Bootloader", value: "lilo", known: "uboot,grub,systemd-boot,rpi-tryboot,fake" };
  expect(() => switchback.bootloader).toThrow(expect.objectContaining({ code: "CONFIG_INVALID", detail }));
});

test("how boot variables are accessed is one of three ways", async () => {
  for (const way of ["auto", "native", "tools"]) {
    expect((await load({ Switchback: { BootEnv: way } })).switchback.bootEnv).toBe(way);
  }
  const { switchback } = await load({ Switchback: { BootEnv: "magic" } });
  const detail = { key: "Switchback.BootEnv", value: "magic", known: "auto,native,tools" };
  expect(() => switchback.bootEnv).toThrow(expect.objectContaining({ code: "CONFIG_INVALID", detail }));
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
