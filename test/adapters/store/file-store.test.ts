import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterEach, beforeEach, expect, test } from "vitest";
import { diskActs } from "../../../adapters/files/disk.ts";
import { createFileStore } from "../../../adapters/store/file-store.ts";
import type { FileActs } from "../../../src/ports/files.ts";

let folder: string;
let logged: string[];
const open = (at = folder) => createFileStore(at, (level, message) => logged.push(`${level}: ${message}`));
const fileIn = (at: string) => join(at, "switchback-store");

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "store-"));
  logged = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("the file has the documented form and is the owner's alone", async () => {
  await open().transact(new Map([["artifact-name", "v1"]]));
  expect(JSON.parse(await readFile(fileIn(folder), "utf8"))).toEqual({ version: 1, values: { "artifact-name": "v1" } });
  expect((await stat(fileIn(folder))).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(["switchback-store", "switchback-store.reserve"]);
});

test("the data folder may be a link, and may be missing", async () => {
  await mkdir(join(folder, "data"));
  await symlink(join(folder, "data"), join(folder, "link"));
  await open(join(folder, "link")).transact(new Map([["key", "value"]]));
  expect((await open(join(folder, "data")).load()).get("key")).toBe("value");

  await open(join(folder, "a", "b")).transact(new Map([["key", "value"]]));
  expect((await stat(join(folder, "a", "b"))).mode & 0o777).toBe(0o700);
});

test("a half-written file that a power cut left beside the store does no harm", async () => {
  await open().transact(new Map([["key", "old"]]));
  await writeFile(join(folder, "switchback-store.new"), '{"version":1,"valu');
  expect((await open().load()).get("key")).toBe("old");
  await open().transact(new Map([["key", "new"]]));
  expect((await open().load()).get("key")).toBe("new");
  expect(await readdir(folder)).toEqual(["switchback-store", "switchback-store.reserve"]);
});

for (const [what, content] of Object.entries({
  "an empty file": "",
  "a torn file": '{"version":1,"values":{"artifact-na',
  zeros: "\0".repeat(512),
  "another JSON value": "[]",
  "a document without a version": '{"values":{}}',
  "a document without values": '{"version":1}',
  "a value that is no text": '{"version":1,"values":{"key":1}}',
})) {
  test(`${what} is damage: it is moved aside and reported, and an empty store takes its place`, async () => {
    await writeFile(fileIn(folder), content);
    expect((await open().load()).size).toBe(0);
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain(`error: STORE_DAMAGED: The agent's store is damaged. (path=${fileIn(folder)}`);
    expect(await readFile(`${fileIn(folder)}.damaged`, "utf8")).toBe(content);
    await open().transact(new Map([["key", "value"]]));
    expect((await open().load()).get("key")).toBe("value");
  });
}

test("a damaged file that cannot be moved aside is an error and stays", async () => {
  await writeFile(fileIn(folder), "damage");
  await mkdir(join(`${fileIn(folder)}.damaged`, "in-the-way"), { recursive: true });
  await expect(open().load()).rejects.toMatchObject({ code: "STORE_DAMAGED", detail: { path: fileIn(folder) } });
  expect(await readFile(fileIn(folder), "utf8")).toBe("damage");
});

const NEWER = {
  version: 2,
  checksum: "of all this",
  values: { "artifact-name": "v1", "artifact-provides": { a: "1" }, state: { version: 2, id: "d-1" }, unheard: "of" },
};

test("what a newer agent has left is read as far as it goes, and stays as it is until something changes", async () => {
  await writeFile(fileIn(folder), JSON.stringify(NEWER));
  const found = await open().load();
  expect(Object.fromEntries(found)).toEqual({
    ...{ "artifact-name": "v1", "artifact-provides": '{"a":"1"}', unheard: "of" },
    state: '{"version":2,"id":"d-1"}',
  });
  expect([await readFile(fileIn(folder), "utf8"), logged]).toEqual([JSON.stringify(NEWER), []]);
});

test("the first change writes the store in this version's form and loses no key", async () => {
  await writeFile(fileIn(folder), JSON.stringify(NEWER));
  await open().transact(new Map([["state", undefined]]));
  expect(JSON.parse(await readFile(fileIn(folder), "utf8"))).toEqual({
    version: 1,
    values: { "artifact-name": "v1", "artifact-provides": '{"a":"1"}', unheard: "of" },
  });
  await open().transact(new Map([["artifact-name", "v2"]]));
  expect(logged).toEqual(["warning: Converting the store from version 2 to version 1."]);
});

test("a newer file of which nothing can be read is moved aside, and an empty store takes its place", async () => {
  await writeFile(fileIn(folder), '{"version":2,"pages":[]}');
  expect((await open().load()).size).toBe(0);
  expect(logged).toEqual([expect.stringContaining("error: STORE_NEWER: ")]);
  expect(await readFile(`${fileIn(folder)}.newer`, "utf8")).toBe('{"version":2,"pages":[]}');
  await open().transact(new Map([["key", "value"]]));
  expect((await open().load()).get("key")).toBe("value");
});

test("a store that cannot be moved aside is an error and stays", async () => {
  await writeFile(fileIn(folder), '{"version":2}');
  await mkdir(join(`${fileIn(folder)}.newer`, "in-the-way"), { recursive: true });
  await expect(open().load()).rejects.toMatchObject({ code: "STORE_NEWER", detail: { path: fileIn(folder) } });
  expect(await readFile(fileIn(folder), "utf8")).toBe('{"version":2}');
});

test("a store that cannot be read is an error and not an empty store", async () => {
  await mkdir(fileIn(folder));
  await expect(open().load()).rejects.toMatchObject({ code: "STORE_READ" });
});

test("a change that cannot be written fails, and the next one starts from what is there", async () => {
  await open().transact(new Map([["key", "old"]]));
  let isFull = true;
  const store = createFileStore(folder, () => undefined, {
    ...diskActs,
    async writeSynced(path, content, mode) {
      if (isFull) throw new Error("ENOSPC: no space left on device, write");
      await diskActs.writeSynced(path, content, mode);
    },
  });
  await expect(store.transact(new Map([["key", "lost"]]))).rejects.toMatchObject({ code: "STORE_WRITE" });
  expect((await store.load()).get("key")).toBe("old");
  isFull = false;
  await store.transact(new Map([["other", "1"]]));
  expect(Object.fromEntries(await store.load())).toEqual({ key: "old", other: "1" });
});

/** A medium on which so many bytes fit beside the store itself; what is being written counts, too. */
function small(bytes: number): FileActs {
  const held = new Map<string, number>();
  const put = (path: string, size: number): void => {
    held.delete(path);
    const others = [...held].filter(([name]) => name !== fileIn(folder)).reduce((sum, [, each]) => sum + each, 0);
    if (others + size > bytes) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    held.set(path, size);
  };
  return {
    ...diskActs,
    async writeSynced(path, content, mode) {
      put(path, content.length);
      await diskActs.writeSynced(path, content, mode);
    },
    async storeSynced(path, read, mode) {
      let size = 0;
      const counted: typeof read = async (into) => {
        const count = await read(into);
        size += count;
        put(path, size);
        return count;
      };
      await diskActs.storeSynced(path, counted, mode);
    },
    async rename(from, to) {
      await diskActs.rename(from, to);
      held.set(to, held.get(from) ?? 0);
      held.delete(from);
    },
    async remove(path) {
      await diskActs.remove(path);
      held.delete(path);
    },
  };
}

const reserve = () => stat(`${fileIn(folder)}.reserve`);
const RESERVE_BYTES = 64 * 1024;

test("a change that finds the medium full takes the room of the reserve, and holds what is left of it", async () => {
  const store = createFileStore(folder, () => undefined, small(RESERVE_BYTES + 100));
  await store.transact(new Map([["key", "old"]]));
  expect([(await reserve()).size, (await reserve()).mode & 0o777]).toEqual([RESERVE_BYTES, 0o600]);
  await store.transact(new Map([["key", "x".repeat(RESERVE_BYTES / 2)]]));
  expect((await store.load()).get("key")).toHaveLength(RESERVE_BYTES / 2);
  expect((await reserve()).size).toBe(RESERVE_BYTES);
});

test("the reserve grows with the store, to twice its size", async () => {
  await open().transact(new Map([["key", "x".repeat(100_000)]]));
  expect((await reserve()).size).toBe(256 * 1024);
  await rm(join(folder, "switchback-store.reserve"));
  await open().transact(new Map([["key", "ä".repeat(30_000)]]));
  expect((await reserve()).size, "counted in bytes").toBe(128 * 1024);
});

test("where only a part of the reserve fits, that part is held", async () => {
  const store = createFileStore(folder, () => undefined, small(20_000));
  await store.transact(new Map([["key", "value"]]));
  expect((await reserve()).size).toBe(16 * 1024);
});

test("an update does not begin where the reserve does not fit, and a smaller one stays", async () => {
  const store = createFileStore(folder, () => undefined, small(20_000));
  await store.transact(new Map([["key", "value"]]));
  await expect(store.reserve()).rejects.toMatchObject({ code: "STORE_FULL" });
  expect((await reserve()).size).toBe(16 * 1024);
  await open().reserve();
  expect((await reserve()).size).toBe(RESERVE_BYTES);
});

test("what lies in the place of the reserve is replaced", async () => {
  await mkdir(join(folder, "switchback-store.reserve", "folder"), { recursive: true });
  await open().reserve();
  expect((await reserve()).size).toBe(RESERVE_BYTES);
});

test("an existing folder keeps its mode", async () => {
  await chmod(folder, 0o755);
  await open().transact(new Map([["key", "value"]]));
  expect((await stat(folder)).mode & 0o777).toBe(0o755);
});

test("a process killed in the middle of its changes leaves the last or the one before, whole", async () => {
  const program = await bundle("store-writer.ts");
  let total = 0;
  for (let round = 0; round < 8; round++) {
    const confirmed = await runAndKill(program, 3 + round, (round * 7) % 5);
    const values = await open().load();
    const [first, second] = [Number(values.get("first")), Number(values.get("second"))];
    expect(second, "both keys are of one transaction").toBe(first);
    expect(first, "what was confirmed is there").toBeGreaterThanOrEqual(confirmed);
    expect(first, "at most one change was not yet confirmed").toBeLessThanOrEqual(confirmed + 1);
    expect(confirmed).toBeGreaterThan(total);
    total = first;
  }
  expect(logged).toEqual([]);
});

/** A real process has to be killed, and Node 20 does not run TypeScript. */
async function bundle(name: string): Promise<string> {
  const outfile = join(folder, "writer.mjs");
  const entry = fileURLToPath(new URL(name, import.meta.url));
  await build({ entryPoints: [entry], bundle: true, platform: "node", format: "esm", outfile, logLevel: "error" });
  return outfile;
}

/** @returns the highest count that the writer had said was durable when it was killed */
function runAndKill(program: string, afterLines: number, andMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const writer = spawn(process.execPath, [program, folder], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    writer.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.split("\n").length > afterLines) setTimeout(() => writer.kill("SIGKILL"), andMs);
    });
    writer.once("error", reject);
    writer.once("close", (_, signal) => {
      if (signal === "SIGKILL") resolve(Number(said.trimEnd().split("\n").at(-1)));
      else reject(new Error("the writer ended by itself"));
    });
  });
}
