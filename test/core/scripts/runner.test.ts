import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { diskReads } from "../../../adapters/files/disk.ts";
import type { ScriptAction, ScriptState } from "../../../src/core/scripts/names.ts";
import { createScriptRunner } from "../../../src/core/scripts/runner.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { Process } from "../../../src/ports/process.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

/** The result of a script: exit status, output, virtual duration, or the error to throw. */
interface Ending {
  readonly exitCode?: number | undefined;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly takesMs?: number;
  readonly throws?: Error;
}
type Script = (attempt: number) => Ending;

const TIMEOUTS = { timeoutMs: 3_600_000, retryIntervalMs: 60_000, retryTimeoutMs: 1_800_000 };
const never = new AbortController().signal;

let folders = { rootfs: "", artifact: "" };
let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "runner-"));
  folders = { rootfs: join(dir, "rootfs"), artifact: join(dir, "artifact") };
});
afterEach(() => rm(dir, { recursive: true }));

/** A device whose scripts end with the given results, in virtual time; `calls` has lines `<seconds> <script>`. */
function device(endings: Readonly<Record<string, Script>> = {}, timeouts = TIMEOUTS) {
  const clock = createVirtualClock();
  const calls: string[] = [];
  const limits: number[] = [];
  const logged: string[] = [];
  const attempts = new Map<string, number>();
  const process: Process = {
    async run(argv, { timeoutMs, maxOutputBytes, onLine }, signal) {
      expect(argv).toHaveLength(1);
      expect(maxOutputBytes).toBe(10 * 1024);
      const name = basename(argv[0]);
      const attempt = (attempts.get(name) ?? 0) + 1;
      attempts.set(name, attempt);
      calls.push(`${clock.monotonicMs() / 1000} ${name}`);
      limits.push(timeoutMs / 1000);
      const ending = endings[name]?.(attempt) ?? {};
      for (const stream of ["stdout", "stderr"] as const) {
        for (const line of ending[stream]?.split("\n") ?? []) onLine?.(stream, line);
      }
      const takesMs = ending.takesMs ?? 0;
      if (takesMs > 0) await clock.sleep(Math.min(takesMs, timeoutMs), signal);
      if (takesMs > timeoutMs) throw new AgentError("PROCESS_TIMEOUT", { program: argv[0], timeoutMs });
      if (ending.throws !== undefined) throw ending.throws;
      const exitCode = "exitCode" in ending ? ending.exitCode : 0;
      return { exitCode, stdout: "", stderr: "" };
    },
  };
  const log = (level: string, message: string) => void logged.push(`${level}: ${message.replaceAll(`${dir}/`, "")}`);
  const runner = createScriptRunner({ process, reads: diskReads, clock, log, folders, timeouts });
  /** Lets two hours pass, and tells how the set ended. */
  const run = async (state: ScriptState, action: ScriptAction, signal = never) => {
    let ended: unknown = "not yet";
    const running = runner.run(state, action, signal).then(
      () => {
        ended = "ok";
      },
      (error: unknown) => {
        ended = error instanceof AgentError ? `${error.code} ${basename(String(error.detail["script"]))}` : error;
      },
    );
    // Reading the folder takes real time, in which virtual time has to stand still.
    const before = calls.length;
    while (calls.length === before && ended === "not yet") await new Promise((resolve) => setTimeout(resolve, 1));
    for (let minute = 0; minute < 120 && ended === "not yet"; minute++) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      await clock.pass(60_000);
    }
    await running;
    return ended;
  };
  return { run, runner, calls, limits, logged };
}

async function scripts(folder: "rootfs" | "artifact", ...names: string[]): Promise<void> {
  await mkdir(folders[folder], { recursive: true });
  for (const name of names) await writeFile(join(folders[folder], name), "", { mode: 0o755 });
}

test("the scripts of a set run one after the other, in order, with their path as the only argument", async () => {
  await scripts("artifact", "ArtifactInstall_Enter_10", "ArtifactInstall_Enter_09_b", "ArtifactInstall_Enter_09_a");
  const { run, calls } = device({ ArtifactInstall_Enter_09_a: () => ({ takesMs: 5_000 }) });
  expect(await run("ArtifactInstall", "Enter")).toBe("ok");
  expect(calls).toEqual(["0 ArtifactInstall_Enter_09_a", "5 ArtifactInstall_Enter_09_b", "5 ArtifactInstall_Enter_10"]);
});

test("the state alone says which folder is looked into", async () => {
  await scripts("rootfs", "Download_Enter_00_right", "ArtifactInstall_Enter_00_wrong");
  await scripts("artifact", "Download_Enter_00_wrong", "ArtifactInstall_Enter_00_right");
  const { run, calls } = device();
  await run("Download", "Enter");
  await run("ArtifactInstall", "Enter");
  expect(calls.map((call) => call.split(" ")[1])).toEqual([
    "Download_Enter_00_right",
    "ArtifactInstall_Enter_00_right",
  ]);
});

test("no folder means no scripts", async () => {
  const { run, calls } = device();
  expect(await run("ArtifactCommit", "Leave")).toBe("ok");
  expect(calls).toEqual([]);
});

test("what is not executable is skipped with a warning, folders and dead links do not run", async () => {
  await scripts("artifact", "ArtifactCommit_Enter_00", "ArtifactCommit_Enter_01");
  await chmod(join(folders.artifact, "ArtifactCommit_Enter_00"), 0o644);
  await mkdir(join(folders.artifact, "ArtifactCommit_Enter_02"));
  await symlink("nowhere", join(folders.artifact, "ArtifactCommit_Enter_03"));
  await symlink("ArtifactCommit_Enter_01", join(folders.artifact, "ArtifactCommit_Enter_04"));
  const { run, calls, logged } = device();
  expect(await run("ArtifactCommit", "Enter")).toBe("ok");
  expect(calls).toEqual(["0 ArtifactCommit_Enter_01", "0 ArtifactCommit_Enter_04"]);
  expect(logged.filter((line) => line.startsWith("warning"))).toEqual([
    "warning: State script ArtifactCommit_Enter_00 is not executable, so it does not run",
    "warning: State script ArtifactCommit_Enter_03 is not executable, so it does not run",
  ]);
});

for (const [how, exitCode] of [
  ["with status 1", 1],
  ["with status 20", 20],
  ["by a signal", undefined],
] as const) {
  test(`a script that ends ${how} fails, and the rest of its set does not run`, async () => {
    await scripts("artifact", "ArtifactInstall_Enter_00", "ArtifactInstall_Enter_01");
    const { run, calls } = device({ ArtifactInstall_Enter_00: () => ({ exitCode }) });
    expect(await run("ArtifactInstall", "Enter")).toBe("SCRIPT_FAILED ArtifactInstall_Enter_00");
    expect(calls).toEqual(["0 ArtifactInstall_Enter_00"]);
  });
}

test("where a device is on its way back every script runs, and the first failure is the set's", async () => {
  const names = ["ArtifactRollback_Enter_00", "ArtifactRollback_Enter_01", "ArtifactRollback_Enter_02"] as const;
  await scripts("artifact", ...names);
  const { run, calls, logged } = device({ [names[0]]: () => ({ exitCode: 3 }), [names[1]]: () => ({ exitCode: 4 }) });
  expect(await run("ArtifactRollback", "Enter")).toBe(`SCRIPT_FAILED ${names[0]}`);
  expect(calls).toEqual(names.map((name) => `0 ${name}`));
  expect(logged.filter((line) => line.startsWith("error"))).toEqual([
    `error: SCRIPT_FAILED: A state script failed. (script=artifact/${names[1]}, exitCode=4)`,
  ]);
});

test("a script that asks for it is tried again each interval, without those before it", async () => {
  await scripts("artifact", "ArtifactInstall_Enter_00", "ArtifactInstall_Enter_01", "ArtifactInstall_Enter_02");
  const { run, calls } = device({ ArtifactInstall_Enter_01: (attempt) => ({ exitCode: attempt < 4 ? 21 : 0 }) });
  expect(await run("ArtifactInstall", "Enter")).toBe("ok");
  expect(calls).toEqual([
    "0 ArtifactInstall_Enter_00",
    "0 ArtifactInstall_Enter_01",
    "60 ArtifactInstall_Enter_01",
    "120 ArtifactInstall_Enter_01",
    "180 ArtifactInstall_Enter_01",
    "180 ArtifactInstall_Enter_02",
  ]);
});

test("a script that asks for ever fails when its window closes", async () => {
  await scripts("rootfs", "Download_Enter_00");
  const { run, calls } = device({ Download_Enter_00: () => ({ exitCode: 21 }) });
  expect(await run("Download", "Enter")).toBe("SCRIPT_RETRY_TIMEOUT Download_Enter_00");
  expect(calls).toHaveLength(30);
  expect(calls.at(-1)).toBe("1740 Download_Enter_00");
});

test("the window begins with the first retry that a script asks for, separately for each script", async () => {
  await scripts("rootfs", "Download_Enter_00", "Download_Enter_01");
  const { run, calls } = device({
    Download_Enter_00: (attempt) =>
      attempt === 1 ? { takesMs: 1_200_000, exitCode: 21 } : { exitCode: attempt < 30 ? 21 : 0 },
    Download_Enter_01: (attempt) => ({ exitCode: attempt < 30 ? 21 : 0 }),
  });
  expect(await run("Download", "Enter")).toBe("ok");
  expect(calls).toHaveLength(60);
  expect(calls[29]).toBe("2940 Download_Enter_00");
});

test("a try that is running when the window closes is ended with it", async () => {
  await scripts("rootfs", "Download_Enter_00");
  const { run, calls, limits } = device(
    { Download_Enter_00: (attempt) => ({ takesMs: attempt === 1 ? 1_000 : 600_000, exitCode: 21 }) },
    { timeoutMs: 3_600_000, retryIntervalMs: 60_000, retryTimeoutMs: 300_000 },
  );
  expect(await run("Download", "Enter")).toBe("SCRIPT_RETRY_TIMEOUT Download_Enter_00");
  expect(calls).toEqual(["0 Download_Enter_00", "61 Download_Enter_00"]);
  expect(limits).toEqual([3600, 240]);
});

test("an interval longer than the window does not make the window longer", async () => {
  await scripts("rootfs", "Download_Enter_00");
  const { run, calls } = device(
    { Download_Enter_00: () => ({ exitCode: 21 }) },
    { timeoutMs: 1_000, retryIntervalMs: 36_000_000, retryTimeoutMs: 10_000 },
  );
  expect(await run("Download", "Enter")).toBe("SCRIPT_RETRY_TIMEOUT Download_Enter_00");
  expect(calls).toEqual(["0 Download_Enter_00"]);
});

test("a script that only handles a failure may also ask for a retry", async () => {
  await scripts("artifact", "ArtifactInstall_Error_00");
  const { run, calls } = device({ ArtifactInstall_Error_00: (attempt) => ({ exitCode: attempt < 2 ? 21 : 0 }) });
  expect(await run("ArtifactInstall", "Error")).toBe("ok");
  expect(calls).toEqual(["0 ArtifactInstall_Error_00", "60 ArtifactInstall_Error_00"]);
});

test("a script that does not end in time fails, also after it was tried again", async () => {
  await scripts("rootfs", "Download_Enter_00");
  const { run, limits } = device(
    { Download_Enter_00: (attempt) => (attempt === 1 ? { exitCode: 21 } : { takesMs: 5_000_000 }) },
    { ...TIMEOUTS, timeoutMs: 600_000 },
  );
  expect(await run("Download", "Enter")).toBe("SCRIPT_TIMEOUT Download_Enter_00");
  expect(limits).toEqual([600, 600]);
});

for (const code of ["PROCESS_START", "PROCESS_MISSING"] as const) {
  test(`a script that cannot be started (${code}) fails under its own name`, async () => {
    await scripts("artifact", "ArtifactCommit_Enter_00");
    const { run } = device({ ArtifactCommit_Enter_00: () => ({ throws: new AgentError(code, { program: "x" }) }) });
    expect(await run("ArtifactCommit", "Enter")).toBe("SCRIPT_START ArtifactCommit_Enter_00");
  });
}

test("an interruption is no failure of a script: it ends the pause, and no further script runs", async () => {
  await scripts("artifact", "ArtifactRollback_Enter_00", "ArtifactRollback_Enter_01");
  const controller = new AbortController();
  const reason = new Error("interrupted");
  const { run, calls } = device({
    ArtifactRollback_Enter_00: () => {
      setTimeout(() => controller.abort(reason), 0);
      return { exitCode: 21 };
    },
  });
  expect(await run("ArtifactRollback", "Enter", controller.signal)).toBe(reason);
  expect(calls).toEqual(["0 ArtifactRollback_Enter_00"]);
});

test("what scripts say is logged line by line, with nothing that could steer a terminal", async () => {
  await scripts("artifact", "ArtifactCommit_Enter_00");
  const said = { stdout: "one\n\ntwo\r\n", stderr: "\u001b[2Jcleared\nno newline" };
  const { run, logged } = device({ ArtifactCommit_Enter_00: () => said });
  await run("ArtifactCommit", "Enter");
  expect(logged).toEqual([
    "info: Running State Script: artifact/ArtifactCommit_Enter_00",
    "info: Collected output (stdout): one",
    "info: Collected output (stdout): two",
    "info: Collected output (stderr): \\x1b[2Jcleared",
    "info: Collected output (stderr): no newline",
  ]);
});

test("of each stream the first 10 KiB are logged, cut within a line where they end there", async () => {
  await scripts("artifact", "ArtifactCommit_Enter_00");
  const said = { stdout: `${"a".repeat(10_000)}\n${"b".repeat(10_000)}\nc`, stderr: "x" };
  const { run, logged } = device({ ArtifactCommit_Enter_00: () => said });
  await run("ArtifactCommit", "Enter");
  expect(logged.slice(1)).toEqual([
    `info: Collected output (stdout): ${"a".repeat(10_000)}`,
    `info: Collected output (stdout): ${"b".repeat(239)}`,
    "info: Collected output (stdout): (no more than 10 KiB are logged)",
    "info: Collected output (stderr): x",
  ]);
});

test("what a script says before it is ended is logged", async () => {
  await scripts("artifact", "ArtifactCommit_Enter_00");
  const ending = { stdout: "waiting for the printer", takesMs: 5_000_000 };
  const { run, logged } = device({ ArtifactCommit_Enter_00: () => ending });
  expect(await run("ArtifactCommit", "Enter")).toBe("SCRIPT_TIMEOUT ArtifactCommit_Enter_00");
  expect(logged.at(-1)).toBe("info: Collected output (stdout): waiting for the printer");
});

test("scripts of an unknown version do not run, and the root filesystem's can be asked for theirs", async () => {
  await scripts("artifact", "ArtifactCommit_Enter_00");
  await writeFile(join(folders.artifact, "version"), "4");
  const { run, runner, calls } = device();
  expect(await run("ArtifactCommit", "Enter")).toMatch(/^SCRIPT_VERSION /);
  expect(calls).toEqual([]);
  await expect(runner.checkRootfsVersion()).resolves.toBeUndefined();
  await scripts("rootfs", "Idle_Enter_00");
  await expect(runner.checkRootfsVersion()).resolves.toBeUndefined();
  await writeFile(join(folders.rootfs, "version"), "1\n");
  await expect(runner.checkRootfsVersion()).rejects.toMatchObject({ code: "SCRIPT_VERSION" });
});

test("a folder that cannot be read is a named failure, not an empty one", async () => {
  await writeFile(folders.artifact, "");
  const { run } = device();
  expect(await run("ArtifactCommit", "Enter")).toMatch(/^SCRIPT_FOLDER /);
});
