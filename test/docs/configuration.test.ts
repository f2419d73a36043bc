import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { type Config, loadConfig, MAIN_KEYS, OWN_KEYS } from "../../src/config/config.ts";
import type { Keys, KeyType } from "../../src/config/config-file.ts";
import { HTTPS_CLIENT_KEYS } from "../../src/config/connection.ts";
import { FOREIGN_KEYS } from "../../src/config/near-key.ts";
import { resolvePaths } from "../../src/config/paths.ts";
import { SECURITY_KEYS } from "../../src/config/server-config.ts";

const page = await readFile("docs/reference/configuration.md", "utf8");
const table = /\n\| Key \| Type \| Default [^\n]*\n\| ---[^\n]*\n((?:\|[^\n]*\n)+)/.exec(page)?.[1] ?? "";
const rows = table
  .trimEnd()
  .split("\n")
  .map((line) => line.slice(2, -2).split(" | "));

/** Objects whose members have separate rows. */
const OBJECTS: Readonly<Record<string, Keys>> = {
  HttpsClient: HTTPS_CLIENT_KEYS,
  Security: SECURITY_KEYS,
  Switchback: OWN_KEYS,
};

const TYPES: Readonly<Record<KeyType, string>> = {
  choice: "string or object",
  string: "string",
  strings: "list of strings",
  objects: "list of objects",
  count: "whole number",
  boolean: "boolean",
  object: "object",
};

const known: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(MAIN_KEYS).flatMap(([key, type]) => {
    const members = OBJECTS[key];
    if (members === undefined) return [[key, TYPES[type]]];
    return Object.entries(members).map(([member, each]) => [`${key}.${member}`, TYPES[each]]);
  }),
);

test("the table has each key that the agent reads, once and with its type, and no other", () => {
  const shown = rows.map(([key = "", type = ""]) => [key.replaceAll("`", ""), type]);
  expect(new Set(shown.map(([key]) => key)).size).toBe(shown.length);
  expect(Object.fromEntries(shown)).toEqual(known);
});

test("each row says what the key does, who reads it and which Mender knows it", () => {
  for (const row of rows) {
    expect(row, row[0]).toHaveLength(6);
    expect(row.map((cell) => cell.trim()).filter((cell) => cell === "")).toEqual([]);
    expect(["both", "3.x", "4+", "none"]).toContain(row[5]);
  }
});

/** The values that apply if no file sets them. */
const DEFAULTS: Readonly<Record<string, (config: Config) => unknown>> = {
  SkipVerify: ({ connection }) => connection.skipVerify,
  UpdatePollIntervalSeconds: ({ server }) => server.updatePollSeconds,
  InventoryPollIntervalSeconds: ({ server }) => server.inventoryPollSeconds,
  RetryPollIntervalSeconds: ({ server }) => server.retryPollSeconds,
  RetryPollCount: ({ server }) => server.retryPollCount,
  RetryDownloadCount: ({ connection }) => connection.retryDownloadCount,
  StateScriptTimeoutSeconds: ({ stateScripts }) => stateScripts.timeoutSeconds,
  StateScriptRetryTimeoutSeconds: ({ stateScripts }) => stateScripts.retryTimeoutSeconds,
  StateScriptRetryIntervalSeconds: ({ stateScripts }) => stateScripts.retryIntervalSeconds,
  ModuleTimeoutSeconds: ({ moduleTimeoutSeconds }) => moduleTimeoutSeconds,
  "Switchback.BootEnv": ({ switchback }) => switchback.bootEnv,
  "Switchback.StrictCompat": ({ switchback }) => switchback.strictCompat,
  "Switchback.VerifyReadback": ({ switchback }) => switchback.verifyReadback,
  "Switchback.AllowPlainHttp": ({ switchback }) => switchback.allowPlainHttp,
  "Switchback.IdleTimeoutSeconds": ({ connection }) => connection.idleMs / 1000,
  "Switchback.DownloadRetryWaitSeconds": ({ connection }) => connection.retryDownloadWaitMs / 1000,
  "Switchback.RateLimitBytesPerSecond": ({ connection }) => connection.bytesPerSecond ?? 0,
  "Switchback.MinBytesPerSecond": ({ connection }) => connection.slowest.bytesPerSecond,
};

test("the defaults of the table are those of the agent", async () => {
  const nowhere = { main: "/nowhere/mender.conf", fallback: "/nowhere/fallback.conf" };
  const files = { ...nowhere, mainRequired: false, fallbackRequired: false };
  const config = await loadConfig(files, () => undefined);
  const shown = Object.fromEntries(
    rows.map(([key = "", , text = ""]) => [key.replaceAll("`", ""), text.replaceAll("`", "")]),
  );
  const typed = Object.keys(known).filter((key) => known[key] === "whole number" || known[key] === "boolean");
  expect(Object.keys(DEFAULTS)).toEqual(
    expect.arrayContaining(typed.filter((key) => !key.startsWith("Switchback.BootPartition"))),
  );
  for (const [key, read] of Object.entries(DEFAULTS)) expect([key, shown[key]]).toEqual([key, String(read(config))]);
});

test("the page names the keys that the agent ignores without a warning, and no others", () => {
  const [, text = ""] = /## Keys that Switchback ignores\n([\s\S]*?)\n## /.exec(page) ?? [];
  const shown = [...text.matchAll(/`([^`]+)`/g)].map(([, key]) => key);
  expect(shown.sort()).toEqual([...FOREIGN_KEYS].sort());
});

/** What a variable changes, by its name in the table. */
const FOLDERS: Readonly<Record<string, (paths: ReturnType<typeof resolvePaths>) => string>> = {
  MENDER_CONF_DIR: ({ confDir }) => confDir,
  MENDER_DATA_DIR: ({ dataDir }) => dataDir,
  MENDER_DATASTORE_DIR: ({ datastore }) => datastore,
};

test.each(Object.entries(FOLDERS))("the table has the default of %s, which the agent reads", (name, folder) => {
  const [, shown] = new RegExp(`^\\| \`${name}\` \\| \`([^\`]+)\` \\|`, "m").exec(page) ?? [];
  expect(shown).toBe(folder(resolvePaths({}, {})));
  expect(folder(resolvePaths({}, { [name]: "/elsewhere" }))).toBe("/elsewhere");
});
