import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createGuardedFreezer } from "../../../adapters/snapshot/guarded-freezer.ts";
import { needs } from "../../support/needs.ts";

const signal = new AbortController().signal;
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "switchback-freezer-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true });
});

/** Puts a program in the place of fsfreeze that notes how it is called, and then does `body`. */
async function fsfreeze(body: string): Promise<void> {
  await writeFile(join(dir, "fsfreeze"), `#!/bin/sh\necho "$@" >>${dir}/calls\n${body}\n`);
  await chmod(join(dir, "fsfreeze"), 0o755);
  vi.stubEnv("PATH", `${dir}:${process.env["PATH"]}`);
}
const calls = async (): Promise<string[]> => (await readFile(join(dir, "calls"), "utf8")).trim().split("\n");
const THAWING = 'if [ "$1" = --unfreeze ]; then';

test("a filesystem is frozen until it is thawed, once", async () => {
  await fsfreeze("");
  const frozen = await createGuardedFreezer().freeze("/some folder", signal);
  expect([await calls(), frozen.lost.aborted]).toEqual([["--freeze /some folder"], false]);
  await Promise.all([frozen.thaw(), frozen.thaw()]);
  expect([await calls(), frozen.lost.aborted]).toEqual([["--freeze /some folder", "--unfreeze /some folder"], false]);
});

test("a filesystem that cannot be frozen is reported with the reason", async () => {
  await fsfreeze("echo 'Operation not supported' >&2; exit 1");
  await expect(createGuardedFreezer().freeze("/", signal)).rejects.toMatchObject({
    code: "FREEZE_FAILED",
    detail: { folder: "/", reason: "Operation not supported" },
  });
});

test("a filesystem that stays frozen is reported after the guard and the agent have tried five times each", async () => {
  await fsfreeze(`${THAWING} echo 'Device busy' >&2; exit 1; fi`);
  const frozen = await createGuardedFreezer(0).freeze("/", signal);
  await expect(frozen.thaw()).rejects.toMatchObject({ code: "THAW_FAILED", detail: { reason: "Device busy" } });
  expect(await calls()).toEqual(["--freeze /", ...new Array(10).fill("--unfreeze /")]);
});

/** Does not run until it has been called `count` times with that action. */
const shortUntil = (count: number, action: string): string =>
  `if [ "$1" = ${action} ] && [ "$(grep -c -e "$1" ${dir}/calls)" -lt ${count} ]; then
    echo 'fsfreeze: Cannot allocate memory' >&2
    exit 126
  fi`;

test("a shortage that passes keeps nothing frozen, and nothing from being frozen", async () => {
  await fsfreeze(`${shortUntil(3, "--freeze")}\n${shortUntil(4, "--unfreeze")}`);
  const frozen = await createGuardedFreezer(0).freeze("/", signal);
  await frozen.thaw();
  expect(await calls()).toEqual([...new Array(3).fill("--freeze /"), ...new Array(4).fill("--unfreeze /")]);
});

test("after its agent was killed, the guard retries for much longer", async () => {
  await fsfreeze(shortUntil(20, "--unfreeze"));
  const contents = `
    import { createGuardedFreezer } from "./adapters/snapshot/guarded-freezer.ts";
    await createGuardedFreezer(0).freeze("/", new AbortController().signal);
    console.log("frozen");
    setInterval(() => undefined, 1000);`;
  const agent = { stdin: { contents, resolveDir: process.cwd() }, outfile: join(dir, "agent.mjs") };
  await build({ ...agent, bundle: true, platform: "node", format: "esm", target: "node20" });
  const child = spawn(process.execPath, [agent.outfile], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await expect.poll(async () => (await calls()).length, { timeout: 20_000 }).toBe(21);
});

needs("otherUser").test("if no process can be started any more, the guard still thaws", async () => {
  // Simulates a user with too many processes. The shell does not run as root, because root may always start another
  // process.
  await fsfreeze(`if [ "$1" = --freeze ]; then prlimit --pid $PPID --nproc=0:0; else : >${dir}/thawed; fi`);
  await chmod(dir, 0o777);
  const shell = `#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups /bin/sh "$@"\n`;
  await writeFile(join(dir, "sh"), shell, { mode: 0o755 });
  const frozen = await createGuardedFreezer(0).freeze("/", signal);
  await frozen.thaw();
  expect(await calls()).toEqual(["--freeze /", "--unfreeze /"]);
  expect((await stat(join(dir, "thawed"))).uid, "the guard did, and not the agent").toBe(65534);
});

test("a filesystem that another program has thawed is also reported", async () => {
  await fsfreeze(`${THAWING} echo 'unfreeze failed: Invalid argument' >&2; exit 1; fi`);
  const frozen = await createGuardedFreezer().freeze("/", signal);
  await expect(frozen.thaw()).rejects.toMatchObject({ code: "FREEZE_LOST" });
});

test("a filesystem that is frozen only after the copy was cancelled is thawed again", async () => {
  await fsfreeze(`[ "$1" = --unfreeze ] || sleep 0.5`);
  const stop = new AbortController();
  const freezing = createGuardedFreezer().freeze("/", stop.signal);
  await sleep(100);
  stop.abort("stopped");
  await expect(freezing).rejects.toBe("stopped");
  while ((await calls()).length < 2) await sleep(20);
  expect(await calls()).toEqual(["--freeze /", "--unfreeze /"]);
});
