import { generateKeyPairSync } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { waitForFileLock } from "../../../adapters/lock/flock.ts";
import { empty, refusal } from "../../support/answers.ts";
import { BuiltProgram, type Started } from "../../support/built-program.ts";
import { killProcess } from "../../support/kill-process.ts";
import { ManagedBoard } from "./managed-board.ts";

const KIB = 1024;
const LOCK_MS = 5_000;

let program: BuiltProgram;
beforeAll(async () => {
  program = await BuiltProgram.build();
});

let device: ManagedBoard;
beforeEach(async () => {
  device = await ManagedBoard.make(program, { slotKib: 1024 });
});
afterEach(() => device.remove());

/** Processes that `pid` has started. */
async function childrenOf(pid: number | undefined): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.trim().split(" ").filter(Boolean).map(Number);
}

/** A daemon and its worker, which is in the middle of a long download. */
async function downloading(nodeOptions: readonly string[] = []): Promise<Started & { readonly worker: number }> {
  const { board } = device;
  const Switchback = { Bootloader: "fake", Board: board.dir, RateLimitBytesPerSecond: 16 * KIB };
  await board.configure({ Switchback, UpdatePollIntervalSeconds: 3600 });
  await device.deploy(await board.release("v2", "yes", {}, 512));
  const daemon = device.startWith(nodeOptions, "daemon");
  await device.server.asked("/v2.mender");
  // Until then the deployment would be abandoned.
  while (JSON.parse((await board.stored())["state"] ?? "{}").download === undefined)
    await new Promise((resolve) => setTimeout(resolve, 5));
  const [worker] = await childrenOf(daemon.child.pid);
  if (worker === undefined) throw new Error("nobody downloads");
  return { ...daemon, worker };
}

/** A zombie process has no command line. */
async function isAlive(pid: number): Promise<boolean> {
  const gone = ""; // ignored: the process has ended, which is the answer.
  return (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => gone)) !== "";
}

async function lockIsFree(): Promise<void> {
  const path = device.board.path("data/switchback.lock");
  const release = await waitForFileLock(path, LOCK_MS, new AbortController().signal);
  await release();
}

test("between two polls no process works for the daemon", async () => {
  await device.board.configure({ UpdatePollIntervalSeconds: 3600 });
  const { child } = device.start("daemon");
  await device.server.asked("next");
  expect(await childrenOf(child.pid)).toEqual([]);
});

/**
 * On a signal, the process runs a function until V8 would normally have optimized it, and writes whether V8 has done
 * so.
 */
const PROBE = `
  process.on("SIGWINCH", () => {
    const sum = (until) => { let all = 0; for (let i = 0; i < until; i++) all += i % 7; return all; };
    for (let run = 0; run < 3000; run++) sum(2000);
    const OPTIMIZED = 1 << 4;
    const isOptimized = (%GetOptimizationStatus(sum) & OPTIMIZED) !== 0;
    require("node:fs").writeFileSync(__dirname + "/optimized." + process.pid, isOptimized ? "yes" : "no");
  });`;

test("the process that stays has no compilers, and its worker has them", async () => {
  const probe = device.board.path("probe.cjs");
  await writeFile(probe, PROBE);
  const { child, worker } = await downloading(["--allow-natives-syntax", "--require", probe]);
  const isOptimized = async (pid = 0): Promise<string> => {
    process.kill(pid, "SIGWINCH");
    const none = ""; // ignored: it has not written yet.
    const read = (): Promise<string> => readFile(device.board.path(`optimized.${pid}`), "utf8").catch(() => none);
    for (;;) {
      const said = await read();
      if (said !== "") return said;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  expect([await isOptimized(child.pid), await isOptimized(worker)]).toEqual(["no", "yes"]);
});

test("SIGTERM to the daemon ends a download, and the daemon last of all", async () => {
  const { child, ended, worker } = await downloading();
  child.kill("SIGTERM");
  const { exitCode, err } = await ended;
  expect([exitCode, await isAlive(worker), err.at(-1)]).toEqual([0, false, "info: Stopped"]);
  await lockIsFree();
});

test("a worker ends when its daemon is killed, and releases the device", async () => {
  const { child, ended, worker } = await downloading();
  child.kill("SIGKILL");
  await ended;
  await lockIsFree();
  expect(await isAlive(worker)).toBe(false);
});

test("a killed worker counts as a failure of its work: the daemon backs off and then continues", async () => {
  await device.board.configure({ RetryPollIntervalSeconds: 1 });
  const { ended, worker } = await downloading();
  await device.board.configure({ Switchback: { Bootloader: "fake", Board: device.board.dir } });
  process.kill(worker, "SIGKILL");
  const { exitCode, err } = await ended;
  expect(exitCode).toBe(4);
  expect(err.filter((line) => line.startsWith("error: "))).toEqual([
    expect.stringMatching(/^error: WORKER_LOST: .*\(ended=SIGKILL\)$/),
  ]);
  expect(device.statuses).toEqual(["downloading", "downloading", "installing", "rebooting"]);
});

test("a worker that ends twice the same way is not started again for the same work: it is reported with its cause", async () => {
  const { child, ended, worker } = await downloading();
  process.kill(worker, "SIGKILL");
  await device.server.asked("/v2.mender", 2);
  const [second] = await childrenOf(child.pid);
  killProcess(second, "SIGKILL");
  await device.server.asked("log");
  while ((await device.board.stored())["state"] !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGTERM");
  await ended;
  expect([device.statuses.at(-1), device.server.of("/v2.mender").length]).toEqual(["failure", 2]);
  expect(device.server.of("log")[0]?.body.toString()).toMatch(/WORKER_LOST.*ended=SIGKILL/);
});

test("only a daemon can give a worker a job", async () => {
  const byHand = await device.run("daemon", "--worker");
  expect([byHand.exitCode, byHand.err]).toEqual([1, [expect.stringContaining("CLI_USAGE")]]);
  expect((await device.board.agent("daemon", "--help")).out.join("\n")).not.toContain("--worker");
});

test("a passphrase from standard input serves every worker that signs", async () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "not told" });
  await writeFile(device.board.path("data/mender-agent.pem"), pem, { mode: 0o600 });
  device.server.answer("next", refusal(401), empty(204));
  const { child } = device.start("daemon", "--passphrase-file", "-");
  child.stdin?.end("not told\n");
  await device.server.asked("next", 2);
  expect(device.server.conversation.slice(0, 5)).toEqual(["auth", "inventory", "next", "auth", "next"]);
});
