import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../adapters/clock/system-clock.ts";
import { diskReads } from "../../../adapters/files/disk.ts";
import { createChildProcess } from "../../../adapters/process/child-process.ts";
import { createScriptRunner, type ScriptTimeouts } from "../../../src/core/scripts/runner.ts";
import { admitScripts } from "../../support/staged-scripts.ts";

const never = new AbortController().signal;
const TIMEOUTS = { timeoutMs: 10_000, retryIntervalMs: 10, retryTimeoutMs: 5_000 };

let dir = "";
let logged: string[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "scripts-"));
  logged = [];
});
afterEach(() => rm(dir, { recursive: true }));

/** Extracts and runs real scripts, which find the test's folder in `$dir`. */
async function runScripts(texts: Readonly<Record<string, string>>, timeouts: Partial<ScriptTimeouts> = {}) {
  const artifact = join(dir, "scripts");
  const all = Object.entries(texts).map(([name, text]) => ({ name, content: Buffer.from(`#!/bin/sh\n${text}\n`) }));
  await admitScripts(artifact, all);
  const runner = createScriptRunner({
    process: createChildProcess({ env: { ...process.env, dir }, graceMs: 200 }),
    reads: diskReads,
    clock: systemClock,
    log: (level, message) => void logged.push(`${level}: ${message}`),
    folders: { rootfs: join(dir, "none"), artifact },
    timeouts: { ...TIMEOUTS, ...timeouts },
  });
  await runner.run("ArtifactInstall", "Enter", never);
}

const left = async (name: string): Promise<string> => readFile(join(dir, name), "utf8");

test("a real script gets no argument, and the shell interprets nothing in its name", async () => {
  const name = "ArtifactInstall_Enter_00_$(touch$IFS$dir);echo>x*";
  await runScripts({ [name]: 'echo "$# $(basename "$0")" > "$dir/seen"; cat > "$dir/stdin"' });
  expect(await left("seen")).toBe(`0 ${name}\n`);
  expect(await left("stdin")).toBe("");
});

test("a real script that answers 21 and then 0 ran twice", async () => {
  await runScripts({
    ArtifactInstall_Enter_00: 'echo x >> "$dir/tries"; [ $(wc -l < "$dir/tries") -ge 2 ] || exit 21',
  });
  expect(await left("tries")).toBe("x\nx\n");
});

test("a script that hangs is ended together with everything that it started", async () => {
  const script = 'trap "" TERM\nsleep 60 & echo $! > "$dir/pid"\nwhile :; do sleep 60; done';
  const run = runScripts({ ArtifactInstall_Enter_00: script }, { timeoutMs: 300 });
  await expect(run).rejects.toMatchObject({ code: "SCRIPT_TIMEOUT", detail: { seconds: 0.3 } });
  const pid = Number(await left("pid"));
  await expect.poll(() => isAlive(pid)).toBe(false);
});

test("a grandchild that holds the pipes does not hold the update", async () => {
  await runScripts({ ArtifactInstall_Enter_00: 'sleep 300 & echo $! > "$dir/pid"; echo started' });
  expect(await isAlive(Number(await left("pid")))).toBe(true);
  process.kill(Number(await left("pid")));
  expect(logged).toContain("info: Collected output (stdout): started");
});

test("a program that a script leaves running continues, as under the reference clients", async () => {
  await runScripts({ ArtifactInstall_Enter_00: 'sleep 30 >/dev/null 2>&1 & echo $! > "$dir/pid"' });
  const pid = Number(await left("pid"));
  expect(await isAlive(pid)).toBe(true);
  process.kill(pid);
});

test("the agent waits for a script that closes its output and continues", async () => {
  await runScripts({ ArtifactInstall_Enter_00: 'exec >&- 2>&-; sleep 0.3; : > "$dir/done"' });
  expect(await left("done")).toBe("");
});

test("of a flood of output the first 10 KiB are logged, and the script runs to its end", async () => {
  const script = 'yes 123456789 | head -c 1048576; yes e | head -c 1048576 >&2; : > "$dir/done"';
  await runScripts({ ArtifactInstall_Enter_00: script });
  expect(await left("done")).toBe("");
  expect(logged.filter((line) => line === "info: Collected output (stdout): 123456789")).toHaveLength(1024);
  expect(logged.filter((line) => line === "info: Collected output (stderr): e")).toHaveLength(5120);
});

test("a script whose interpreter is missing, or whose folder is mounted with noexec, cannot be started", async () => {
  await mkdir(join(dir, "odd"));
  const runner = (folder: string) =>
    createScriptRunner({
      process: createChildProcess(),
      reads: diskReads,
      clock: systemClock,
      log: () => {},
      folders: { rootfs: folder, artifact: folder },
      timeouts: TIMEOUTS,
    });
  await writeFile(join(dir, "odd/Download_Enter_00"), "#!/no/such/interpreter\n", { mode: 0o700 });
  await expect(runner(join(dir, "odd")).run("Download", "Enter", never)).rejects.toMatchObject({
    code: "SCRIPT_START",
  });
});

/** A zombie is not alive. */
async function isAlive(pid: number): Promise<boolean> {
  try {
    return !/\) [ZX] /.test(await readFile(`/proc/${pid}/stat`, "utf8"));
  } catch {
    // ignored: it is gone, which is the answer.
    return false;
  }
}
