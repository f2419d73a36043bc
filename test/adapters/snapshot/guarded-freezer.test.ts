import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createGuardedFreezer } from "../../../adapters/snapshot/guarded-freezer.ts";

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

test("one that cannot be frozen is told, with the reason", async () => {
  await fsfreeze("echo 'Operation not supported' >&2; exit 1");
  await expect(createGuardedFreezer().freeze("/", signal)).rejects.toMatchObject({
    code: "FREEZE_FAILED",
    detail: { folder: "/", reason: "Operation not supported" },
  });
});

test("one that stays frozen is told, after it was tried twice", async () => {
  await fsfreeze(`${THAWING} echo 'Device busy' >&2; exit 1; fi`);
  const frozen = await createGuardedFreezer().freeze("/", signal);
  await expect(frozen.thaw()).rejects.toMatchObject({ code: "THAW_FAILED", detail: { reason: "Device busy" } });
  expect(await calls()).toEqual(["--freeze /", "--unfreeze /", "--unfreeze /"]);
});

test("one that somebody else has thawed is told, too", async () => {
  await fsfreeze(`${THAWING} echo 'unfreeze failed: Invalid argument' >&2; exit 1; fi`);
  const frozen = await createGuardedFreezer().freeze("/", signal);
  await expect(frozen.thaw()).rejects.toMatchObject({ code: "FREEZE_LOST" });
});

test("one that is frozen only after nobody wants it any more is thawed again", async () => {
  await fsfreeze(`[ "$1" = --unfreeze ] || sleep 0.5`);
  const stop = new AbortController();
  const freezing = createGuardedFreezer().freeze("/", stop.signal);
  await sleep(100);
  stop.abort("stopped");
  await expect(freezing).rejects.toBe("stopped");
  while ((await calls()).length < 2) await sleep(20);
  expect(await calls()).toEqual(["--freeze /", "--unfreeze /"]);
});
