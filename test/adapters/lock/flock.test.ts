import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createFileLock, waitForFileLock } from "../../../adapters/lock/flock.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lock-"));
  path = join(folder, "data", "lock");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("a lock that is held keeps the next one away until it is released", async () => {
  const release = await createFileLock(path).acquire();
  await expect(createFileLock(path).acquire()).rejects.toMatchObject({ code: "AGENT_BUSY", detail: { lock: path } });
  await release();
  const again = await createFileLock(path).acquire();
  await again();
});

test("releasing twice does not release another process's lock", async () => {
  const first = await createFileLock(path).acquire();
  await first();
  const second = await createFileLock(path).acquire();
  await first();
  await expect(createFileLock(path).acquire()).rejects.toMatchObject({ code: "AGENT_BUSY" });
  await second();
});

test("the lock of a process that is killed goes with it", async () => {
  await mkdir(join(folder, "data"));
  await writeFile(path, "");
  const holder = spawn("flock", [path, "sh", "-c", "echo held; exec sleep 60"], {
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  });
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  await expect(createFileLock(path).acquire()).rejects.toMatchObject({ code: "AGENT_BUSY" });
  const ended = new Promise((resolve) => holder.once("close", resolve));
  process.kill(-Number(holder.pid), "SIGKILL");
  await ended;
  const release = await createFileLock(path).acquire();
  await release();
});

test("a program that the agent runs does not inherit the lock", async () => {
  const release = await createFileLock(path).acquire();
  const child = spawn("sleep", ["5"], { stdio: "ignore" });
  await new Promise((resolve) => child.once("spawn", resolve));
  await release();
  const again = await createFileLock(path).acquire();
  await again();
  child.kill("SIGKILL");
});

test("a missing or failing flock causes a named error", async () => {
  const program = join(folder, "no-flock");
  await expect(createFileLock(path, program).acquire()).rejects.toMatchObject({
    code: "LOCK_FAILED",
    detail: { program },
  });
  await writeFile(program, "#!/bin/sh\nexit 71\n", { mode: 0o755 });
  await expect(createFileLock(path, program).acquire()).rejects.toMatchObject({
    code: "LOCK_FAILED",
    detail: { program, status: "71" },
  });
});

test("a place where no lock file can be made is an error of its own", async () => {
  await writeFile(join(folder, "file"), "");
  await expect(createFileLock(join(folder, "file", "lock")).acquire()).rejects.toMatchObject({ code: "LOCK_FAILED" });
});

test("a lock that is waited for is taken when it is given back, and not before", async () => {
  const release = await createFileLock(path).acquire();
  const order: string[] = [];
  const waiting = waitForFileLock(path, 10_000, new AbortController().signal).then((given) => {
    order.push("taken");
    return given;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  order.push("given back");
  await release();
  await (await waiting)();
  expect(order).toEqual(["given back", "taken"]);
});

test("waiting ends in time, and when it is cancelled, and takes nothing", async () => {
  const release = await createFileLock(path).acquire();
  await expect(waitForFileLock(path, 50, new AbortController().signal)).rejects.toMatchObject({
    code: "LOCK_TIMEOUT",
    detail: { lock: path, timeoutMs: 50 },
  });
  const controller = new AbortController();
  const waiting = waitForFileLock(path, 10_000, controller.signal);
  setTimeout(() => controller.abort(new Error("stop")), 50);
  await expect(waiting).rejects.toThrow("stop");
  await release();
  const again = await createFileLock(path).acquire();
  await again();
});

test("waiting for a lock without flock, or with a failing one, causes a named error", async () => {
  const { signal } = new AbortController();
  const program = join(folder, "no-flock");
  await expect(waitForFileLock(path, 1000, signal, program)).rejects.toMatchObject({ code: "LOCK_FAILED" });
  await writeFile(program, "#!/bin/sh\nexit 71\n", { mode: 0o755 });
  await expect(waitForFileLock(path, 1000, signal, program)).rejects.toMatchObject({ detail: { status: "71" } });
});
