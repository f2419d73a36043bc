import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { endLeftPrograms, programOf } from "../../../adapters/process/left-programs.ts";
import { leftRecords, processFacts, recordProgram } from "../../../adapters/process/program-record.ts";

const LIMITS = { patienceMs: 0, graceMs: 100, killMs: 5_000 };
const DEVICE = "0123456789abcdef";
const nothing = (): void => undefined;

let place: string;
let started: ChildProcess[];
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "switchback-records-"));
  started = [];
});
afterEach(async () => {
  for (const child of started) child.kill("SIGKILL");
  await rm(place, { recursive: true });
});

const folder = (): string => join(place, `switchback-programs-${process.geteuid?.()}`);

/** Starts a program that ignores SIGTERM, in a separate session, and waits until it runs. */
async function stubborn(env: Readonly<Record<string, string>> = {}): Promise<number> {
  const script = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
  const child = spawn("sh", ["-c", script], { detached: true, env: { ...process.env, ...env } });
  started.push(child);
  await once(child.stdout, "data");
  if (child.pid === undefined) throw new Error("it does not run");
  return child.pid;
}

/** Leaves a record of a dead agent: it has our pid, but a start time at boot. */
async function leave(content: string): Promise<string> {
  const own = recordProgram([place], DEVICE);
  const [ownName = ""] = await readdir(folder());
  own?.ended();
  const name = `${ownName.split(".").slice(0, 2).join(".")}.${process.pid}.1.1`;
  await writeFile(join(folder(), name), content);
  return name;
}

const ticksOf = (pid: number): string => processFacts(pid)?.startTicks ?? "";
const end = (): Promise<void> => endLeftPrograms(leftRecords(DEVICE, [place]), nothing, LIMITS);

test("a program that does not heed SIGTERM is killed, and its record goes", async () => {
  const pid = await stubborn();
  await leave(`${pid} ${ticksOf(pid)}\n`);
  await end();
  expect([processFacts(pid), await readdir(folder())]).toEqual([undefined, []]);
});

test("a program whose agent was killed before it could note the pid is found by its mark", async () => {
  const name = await leave("");
  const pid = await stubborn({ SWITCHBACK_PROGRAM: name });
  await end();
  expect(processFacts(pid)).toBeUndefined();
});

test("what is left of a group whose leader has ended is found by its mark", async () => {
  const name = await leave("");
  const script = "(trap '' TERM; echo $BASHPID; while :; do sleep 0.1; done) & disown; exit 0";
  const env = { ...process.env, SWITCHBACK_PROGRAM: name };
  const leader = spawn("bash", ["-c", script], { detached: true, env });
  const [[said]] = await Promise.all([once(leader.stdout, "data"), once(leader, "exit")]);
  await writeFile(join(folder(), name), `${leader.pid} 1\n`);
  const pid = Number(said);
  expect(processFacts(pid)?.session).toBe(leader.pid);
  await end();
  expect(processFacts(pid)).toBeUndefined();
});

for (const [how, start] of [
  ["by setsid", "setsid sh -c"],
  [
    "by setsid, without the mark, under a process that has it",
    "setsid sh -c 'env -u SWITCHBACK_PROGRAM sh -c \"$0\"; :'",
  ],
] as const) {
  test(`a child that has left the session ${how} is also ended`, async () => {
    const name = await leave("");
    const script = "trap '' TERM; echo $$; while :; do sleep 0.1; done";
    const env = { ...process.env, SWITCHBACK_PROGRAM: name };
    const leader = spawn("sh", ["-c", `${start} "$0" & exec sleep 60`, script], { detached: true, env });
    started.push(leader);
    const [said] = await once(leader.stdout, "data");
    await writeFile(join(folder(), name), `${leader.pid} ${ticksOf(leader.pid ?? 0)}\n`);
    const pid = Number(said);
    expect(processFacts(pid)?.session).not.toBe(leader.pid);
    await end();
    expect([processFacts(pid), processFacts(leader.pid ?? 0)]).toEqual([undefined, undefined]);
  });
}

test("an unrelated process with the pid of a program is left alone", async () => {
  const pid = await stubborn();
  await leave(`${pid} ${Number(ticksOf(pid)) - 1}\n`);
  await end();
  expect(processFacts(pid)?.pid).toBe(pid);
  expect(await readdir(folder())).toEqual([]);
});

test("the program of an agent that lives is not touched", async () => {
  const record = recordProgram([place], DEVICE);
  const pid = await stubborn(record?.mark);
  record?.started(pid);
  expect(leftRecords(DEVICE, [place])).toEqual([]);
  expect(processFacts(pid)?.pid).toBe(pid);
  record?.ended();
});

test("a folder that others can write to is not believed", async () => {
  await leave("");
  await chmod(folder(), 0o777);
  expect([recordProgram([place], DEVICE), leftRecords(DEVICE, [place])]).toEqual([undefined, []]);
});

test("without a place for records, programs still run", () => {
  expect([recordProgram([join(place, "missing")], DEVICE), leftRecords(DEVICE, [join(place, "missing")])]).toEqual([
    undefined,
    [],
  ]);
});

test("an agent of another device on the same machine ends nothing of this one", async () => {
  const pid = await stubborn();
  await leave(`${pid} ${ticksOf(pid)}\n`);
  await endLeftPrograms(leftRecords("fedcba9876543210", [place]), nothing, LIMITS);
  expect(processFacts(pid)).toMatchObject({ pid });
  await end();
  expect(processFacts(pid)).toBeUndefined();
});

test("the program that is named is the one that the agent started, whatever the order of the list", () => {
  const facts = (pid: number, session: number, startTicks: string) => ({ pid, group: session, session, startTicks });
  const [child, program, detached] = [facts(10015, 9998, "500"), facts(9998, 9998, "500"), facts(10020, 10020, "1000")];
  expect(programOf([child, detached, program])).toBe(program);
  expect(programOf([child])).toBe(child);
  expect(programOf([])).toBeUndefined();
});
