import { expect, test } from "vitest";
import { examineLock } from "../../../src/core/doctor/agent.ts";
import { examineBoot } from "../../../src/core/doctor/boot.ts";
import { assessClock } from "../../../src/core/doctor/clock.ts";
import { assessDatastore } from "../../../src/core/doctor/datastore.ts";
import { assessPermissions } from "../../../src/core/doctor/permissions.ts";
import { assessServer } from "../../../src/core/doctor/server.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { Bootloader } from "../../../src/ports/bootloader.ts";

const { signal } = new AbortController();
const MIB = 1024 ** 2;
const mount = { folder: "/data", type: "ext4", source: "/dev/mmcblk0p4" };
const healthy = { folder: "/data/mender", exists: true, isWritable: true, freeBytes: 100 * MIB, mount };
const levels = (found: readonly { readonly level: string }[]) => found.map(({ level }) => level).join(" ");

test("free space is assessed by bytes and, where they are counted, by files", () => {
  expect(levels(assessDatastore(healthy))).toBe("good good good");
  expect(levels(assessDatastore({ ...healthy, freeBytes: 16 * MIB - 1 }))).toBe("good good note");
  expect(levels(assessDatastore({ ...healthy, freeBytes: MIB - 1 }))).toBe("good good bad");
  expect(assessDatastore({ ...healthy, freeFiles: 15 }).at(-1)).toMatchObject({
    level: "bad",
    found: "100.0 MiB in /data/mender, but only for 15 more files",
  });
});

test("the clock is not before the program's files, nor before what they run on", () => {
  const made = Date.UTC(2026, 10, 22);
  expect(assessClock(made, made)).toEqual({ level: "good", subject: "clock", found: "2026-11-22T00:00:00.000Z" });
  expect(assessClock(made - 1, made)).toMatchObject({
    level: "bad",
    found: "2026-11-21T23:59:59.999Z, before this program was built (2026-11-22)",
  });
  expect(assessClock(Date.UTC(1980, 0, 2), Date.UTC(1980, 0, 1))).toMatchObject({
    level: "bad",
    found: "1980-01-02T00:00:00.000Z, before this program was built (2025-03-13)",
  });
});

test("a certificate of which less than thirty days are left is to be renewed", () => {
  const expiresMs = Date.UTC(2027, 0, 31);
  const assessed = (nowMs: number) =>
    assessServer("https://x", { kind: "trusted", expiresMs, name: "x" }, nowMs, false);
  expect(assessed(Date.UTC(2027, 0, 1))).toEqual({
    level: "good",
    subject: "certificate of https://x",
    found: "x, valid until 2027-01-31",
  });
  expect(assessed(Date.UTC(2027, 0, 1) + 1).level).toBe("note");
});

test("plain http that is allowed is reported", () => {
  expect(assessServer("http://x", { kind: "plain" }, 0, false)).toEqual({
    level: "note",
    subject: "http://x",
    found: "plain http: anyone on the network can pose as the server",
    advice: "Use an https address in ServerURL.",
  });
});

/** A boot loader that has this plan, while slot A runs. */
function planning(slot: "A" | "B", trial: boolean, more: Partial<Bootloader> = {}): Bootloader {
  const no = (): never => expect.fail("a doctor changes nothing");
  const looks = { booted: async () => "A" as const, plan: async () => ({ slot, trial }) };
  return { kind: "test", ...looks, arm: no, confirm: no, revert: no, ...more };
}

test("a plan that leaves the running slot without a trial is wrong, and a trial is reported", async () => {
  expect(levels(await examineBoot(planning("A", false), signal))).toBe("good");
  expect(levels(await examineBoot(planning("B", true), signal))).toBe("note");
  expect(levels(await examineBoot(planning("A", true), signal))).toBe("note");
  expect(await examineBoot(planning("B", false), signal)).toEqual([
    {
      level: "bad",
      subject: "plan of the boot loader (test)",
      found: "the next start boots slot B, while slot A runs",
      advice: "Reboot if an update has been installed; then commit it, or roll it back.",
    },
  ]);
});

test("an adapter's own findings come first, and a bad one stands for the plan", async () => {
  const finding = (level: "good" | "bad") => [{ level, subject: "medium", found: "so" }] as const;
  const own = (level: "good" | "bad") => planning("A", false, { diagnose: async () => finding(level) });
  expect(levels(await examineBoot(own("good"), signal))).toBe("good good");
  expect(await examineBoot(own("bad"), signal)).toEqual(finding("bad"));
});

test("a running agent is reported, and a lock that cannot be taken is a failure", async () => {
  const refusing = (code: "AGENT_BUSY" | "LOCK_FAILED") => ({
    acquire: () => Promise.reject(new AgentError(code)),
  });
  expect(await examineLock(undefined)).toEqual({ level: "good", subject: "lock", found: "free" });
  expect(await examineLock(refusing("AGENT_BUSY"))).toMatchObject({ level: "note" });
  await expect(examineLock(refusing("LOCK_FAILED"))).rejects.toMatchObject({ code: "LOCK_FAILED" });
});

test("files of root, or of the current user, belong to no other user", () => {
  const file = (owner: number) => ({ path: "/f", mode: 0o600, owner });
  expect(levels(assessPermissions({ trusted: [file(0), file(7)], secret: [file(7)] }, 7))).toBe("good");
  expect(assessPermissions({ trusted: [], secret: [file(8)] }, 7)).toEqual([
    { level: "note", subject: "/f", found: "it belongs to user 8, who can change it", advice: "chown root /f" },
  ]);
});
