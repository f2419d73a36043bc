import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { createSlotDevice } from "../../../../adapters/device/slot-device.ts";
import { createRootfsImageHandler } from "../../../../adapters/payload/rootfs-image/handler.ts";
import { AgentError } from "../../../../src/errors/agent-error.ts";
import { type BootPlan, otherSlot, type SlotId } from "../../../../src/ports/bootloader.ts";
import type { ModuleAction, PayloadFile, PayloadStream } from "../../../../src/ports/payload-handler.ts";
import { createFaultyDisk, type DiskFault, type FaultyDisk } from "../../../support/faulty-device.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const signal = new AbortController().signal;
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

interface State {
  readonly plan: BootPlan;
  readonly booted: SlotId;
  readonly storedValue?: string;
}

/** `A` runs `A`, `B*` is B on trial, `A/B*` runs A while B is armed; `^A` is the stored value. */
function state(text: string): State {
  const match = /^([AB])(?:\/([AB]))?(\*?)(?: \^(.+))?$/.exec(text);
  const [, booted, planned, star, storedValue] = match ?? [];
  const slot = planned ?? booted;
  if ((booted !== "A" && booted !== "B") || (slot !== "A" && slot !== "B")) throw new Error(`no state: ${text}`);
  return { booted, plan: { slot, trial: star === "*" }, ...(storedValue === undefined ? {} : { storedValue }) };
}

interface BoardOptions {
  /** The change at which the power fails. */
  readonly cutAt?: number;
  readonly lies?: ReadonlyMap<number, DiskFault>;
  readonly verifyReadback?: boolean;
  /** While this is true, the boot environment cannot be written. */
  readonly isReadOnly?: () => boolean;
}

/** A board that keeps its boot plan and its stored value, and whose power fails at a chosen change. */
function board(
  from: State,
  content = randomBytes(16 * 4096),
  { cutAt = 0, lies = new Map(), ...to }: BoardOptions = {},
) {
  let { plan, storedValue } = from;
  let changes = 0;
  const log: string[] = [];
  const disks: Record<SlotId, FaultyDisk> = {
    A: createFaultyDisk({ content, lies }),
    B: createFaultyDisk({ content, lies }),
  };
  const change = async (act: () => void): Promise<void> => {
    changes += 1;
    if (changes === cutAt) throw new Error("power cut");
    act();
  };
  const write = async (act: () => void): Promise<void> => {
    if (to.isReadOnly?.() === true) throw new AgentError("BOOTENV_WRITE");
    await change(act);
  };
  const bootloader = {
    kind: "memory",
    booted: async () => from.booted,
    plan: async () => plan,
    expectWritable: async () => {
      if (to.isReadOnly?.() === true) throw new AgentError("BOOTENV_WRITE");
    },
    arm: (slot: SlotId) =>
      write(() => {
        plan = { slot, trial: true };
      }),
    confirm: () =>
      write(() => {
        plan = { ...plan, trial: false };
      }),
    revert: (slot: SlotId) =>
      write(() => {
        plan = { slot, trial: false };
      }),
  };
  const handler = createRootfsImageHandler({
    bootloader,
    storedValue: {
      load: async () => storedValue,
      save: (value) =>
        change(() => {
          storedValue = value;
        }),
    },
    slots: createSlotDevice({
      paths: { A: "/dev/null", B: "/dev/zero" },
      booted: bootloader.booted,
      openStorage: async (path) => disks[path === "/dev/null" ? "A" : "B"].open(),
    }),
    log: (level, message) => log.push(`${level}: ${message}`),
    clock: createVirtualClock(),
    verifyReadback: to.verifyReadback ?? true,
  });
  const now = (): string => {
    const planned = plan.slot === from.booted ? "" : `/${plan.slot}`;
    return `${from.booted}${planned}${plan.trial ? "*" : ""}${storedValue === undefined ? "" : ` ^${storedValue}`}`;
  };
  return { handler, disks, log, now, changes: () => changes };
}

function payload(...images: Uint8Array[]): PayloadStream {
  const files = images.map((image, index): PayloadFile => {
    let at = 0;
    return {
      name: `image-${index}`,
      sizeBytes: image.length,
      sha256: sha256(image),
      read(into) {
        const count = Math.min(into.length, 3000, image.length - at);
        into.set(image.subarray(at, at + count));
        at += count;
        return count;
      },
    };
  });
  return { next: async () => files.shift() };
}

const ACTIONS: readonly (readonly [ModuleAction, string, string])[] = [
  ["ArtifactInstall", "A", "A/B* ^A"],
  ["ArtifactInstall", "B", "B/A* ^B"],
  ["ArtifactInstall", "A ^A", "A/B* ^A"],
  ["ArtifactInstall", "A/B* ^A", "A/B* ^A"],
  ["ArtifactInstall", "A/B*", "BOOT_TRIAL_PENDING"],
  ["ArtifactInstall", "A/B* ^B", "BOOT_TRIAL_PENDING"],
  ["ArtifactInstall", "B*", "BOOT_TRIAL_PENDING"],
  ["ArtifactInstall", "B* ^A", "BOOT_TRIAL_PENDING"],
  ["ArtifactInstall", "A/B", "BOOT_MISMATCH"],
  ["ArtifactReboot", "A/B* ^A", "A/B* ^A"],
  ["ArtifactVerifyReboot", "B* ^A", "B* ^A"],
  ["ArtifactVerifyReboot", "A ^A", "BOOT_REVERTED"],
  ["ArtifactVerifyReboot", "A/B* ^A", "BOOT_MISMATCH"],
  ["ArtifactCommit", "B* ^A", "B ^A"],
  ["ArtifactCommit", "A ^A", "BOOT_REVERTED"],
  ["ArtifactCommit", "B ^A", "BOOT_REVERTED"],
  ["ArtifactCommit", "A/B* ^A", "BOOT_MISMATCH"],
  ["ArtifactRollback", "A/B* ^A", "A ^A"],
  ["ArtifactRollback", "B* ^A", "B/A ^A"],
  ["ArtifactRollback", "B/A ^A", "B/A ^A"],
  ["ArtifactRollback", "B ^A", "B/A ^A"],
  ["ArtifactRollback", "A ^A", "A ^A"],
  ["ArtifactRollback", "A", "A"],
  ["ArtifactRollback", "B ^nonsense", "B ^nonsense"],
  ["ArtifactRollbackReboot", "B/A ^A", "B/A ^A"],
  ["ArtifactVerifyRollbackReboot", "A ^A", "A ^A"],
  ["ArtifactVerifyRollbackReboot", "B/A ^A", "BOOT_MISMATCH"],
  ["ArtifactVerifyRollbackReboot", "A/B* ^A", "BOOT_TRIAL_PENDING"],
  ["ArtifactFailure", "A ^A", "A ^A"],
  ["Cleanup", "B ^A", "B"],
  ["Cleanup", "B", "B"],
  ["Cleanup", "B* ^revert:A", "B/A"],
  ["ArtifactRollback", "B ^revert:A", "B/A ^revert:A"],
];

for (const [action, before, after] of ACTIONS) {
  test(`${action} in ${before} gives ${after}`, async () => {
    const { handler, now } = board(state(before));
    const outcome = await handler.act(action, signal).then(now, (error: { code: string }) => error.code);
    expect(outcome).toBe(after);
    if (after.startsWith("BOOT_")) expect(now(), "a refusal changes nothing").toBe(before);
  });
}

for (const [action, before, after] of [
  ["ArtifactInstall", "A", "A/B* ^A"],
  ["ArtifactRollback", "A/B* ^A", "A ^A"],
  ["ArtifactRollback", "B ^A", "B/A ^A"],
  ["Cleanup", "B ^A", "B"],
] as const) {
  test(`${action} in ${before}, cut at any of its changes or done twice, ends the same when it is repeated`, async () => {
    const whole = board(state(before));
    await whole.handler.act(action, signal);
    const changes = whole.changes();
    await whole.handler.act(action, signal);
    expect(whole.now()).toBe(after);
    for (let cutAt = 1; cutAt <= changes; cutAt++) {
      const cut = board(state(before), undefined, { cutAt });
      await expect(cut.handler.act(action, signal)).rejects.toThrow();
      await cut.handler.act(action, signal);
      expect(cut.now(), `cut at change ${cutAt}`).toBe(after);
    }
  });
}

test("the way back is remembered before the other slot is armed", async () => {
  const { handler, now } = board(state("A"), undefined, { cutAt: 2 });
  await expect(handler.act("ArtifactInstall", signal)).rejects.toThrow("power cut");
  expect(now()).toBe("A ^A");
});

for (const running of ["A", "B"] as const) {
  test(`while ${running} runs, download writes the image into the other slot, activates nothing and says what it wrote`, async () => {
    const before = randomBytes(64 * 1024);
    const image = Buffer.from(before.subarray(0, 20_000));
    image.fill(1, 4096, 5000);
    const { handler, disks, log, now, changes } = board(state(running), before);
    await handler.download(payload(image), signal);
    const target = otherSlot(running);
    expect(Buffer.from(disks[target].content().subarray(0, image.length)).equals(image)).toBe(true);
    expect(Buffer.from(disks[running].content()).equals(before)).toBe(true);
    expect(log).toEqual([
      `info: Slot ${target} holds the new image: 4096 bytes written, 15904 bytes were there already.`,
      `info: Read slot ${target} back in 0 ms: it holds what was sent.`,
    ]);
    expect([now(), changes()]).toEqual([running, 0]);
  });
}

for (const lie of ["dropped", "corrupted"] as const) {
  test(`storage that acknowledges a write but has ${lie} one sector is noticed before the boot loader changes`, async () => {
    const image = randomBytes(60_000);
    const { handler, log, now, changes } = board(state("A"), undefined, { lies: new Map([[77, lie]]) });
    await expect(handler.download(payload(image), signal)).rejects.toMatchObject({
      code: "SLOT_READBACK",
      detail: { slot: "B", offset: 0, length: 60_000 },
    });
    expect(log.length, "nothing is said to have been read back").toBe(1);
    expect([now(), changes()]).toEqual(["A", 0]);
  });
}

test("reading back looks at the image only, and not where it is turned off", async () => {
  const behind = board(state("A"), undefined, { lies: new Map([[8, "corrupted"]]) });
  await behind.handler.download(payload(randomBytes(8 * 512)), signal);
  const off = board(state("A"), undefined, { lies: new Map([[7, "corrupted"]]), verifyReadback: false });
  await off.handler.download(payload(randomBytes(8 * 512)), signal);
  expect(off.log).toEqual(["info: Slot B holds the new image: 4096 bytes written, 0 bytes were there already."]);
});

for (const [from, code] of [
  ["A/B*", "BOOT_TRIAL_PENDING"],
  ["B*", "BOOT_TRIAL_PENDING"],
  ["A/B", "BOOT_MISMATCH"],
] as const) {
  test(`in ${from} no image is written`, async () => {
    const { handler, disks } = board(state(from));
    await expect(handler.download(payload(randomBytes(600)), signal)).rejects.toMatchObject({ code });
    expect([disks.A.acts, disks.B.acts]).toEqual([0, 0]);
  });
}

test("a payload of no file or of two is refused", async () => {
  const { handler, log } = board(state("A"));
  await expect(handler.download(payload(), signal)).rejects.toMatchObject({ code: "PAYLOAD_FILES" });
  const two = payload(randomBytes(600), randomBytes(100));
  await expect(handler.download(two, signal)).rejects.toMatchObject({
    code: "PAYLOAD_FILES",
    detail: { unexpected: "image-1" },
  });
  expect(log).toEqual([]);
});

test("an image that is larger than the slot is refused before the first byte", async () => {
  const { handler, disks } = board(state("A"), randomBytes(4096));
  await expect(handler.download(payload(randomBytes(4097)), signal)).rejects.toMatchObject({
    code: "SLOT_TOO_SMALL",
    detail: { imageBytes: 4097, slotBytes: 4096, slot: "B" },
  });
  expect(disks.B.acts).toBe(0);
});

for (const bytes of [0, 1, 511]) {
  test(`an image of ${bytes} bytes is refused before the slot is opened`, async () => {
    const { handler, disks, log } = board(state("A"));
    await expect(handler.download(payload(randomBytes(bytes)), signal)).rejects.toMatchObject({
      code: "IMAGE_TOO_SMALL",
      detail: { bytes, minBytes: 512 },
    });
    expect(disks.B.acts).toBe(0);
    expect(log).toEqual([]);
  });
}

for (const [before, owed, after] of [
  ["A/B* ^A", "A/B* ^revert:A", "A"],
  ["B* ^A", "B* ^revert:A", "B/A"],
  ["B ^A", "B ^revert:A", "B/A"],
] as const) {
  test(`a rollback in ${before} that cannot be written is owed, and each Cleanup tries it until it can be`, async () => {
    let readOnly = true;
    const { handler, now } = board(state(before), undefined, { isReadOnly: () => readOnly });
    for (const action of ["ArtifactRollback", "ArtifactRollback", "Cleanup", "Cleanup"] as const) {
      await expect(handler.act(action, signal)).rejects.toMatchObject({ code: "BOOTENV_WRITE" });
      expect(now()).toBe(owed);
    }
    readOnly = false;
    await handler.act("Cleanup", signal);
    expect(now()).toBe(after);
  });
}

test("if the boot environment cannot be written, the image is refused before its first byte", async () => {
  const { handler, disks } = board(state("A"), undefined, { isReadOnly: () => true });
  await expect(handler.download(payload(randomBytes(100)), signal)).rejects.toMatchObject({ code: "BOOTENV_WRITE" });
  expect([disks.A.acts, disks.B.acts]).toEqual([0, 0]);
});

test("an update that could not be armed has nothing to undo, and its rollback does not fail", async () => {
  const { handler, now } = board(state("A"), undefined, { isReadOnly: () => true });
  await expect(handler.act("ArtifactInstall", signal)).rejects.toMatchObject({ code: "BOOTENV_WRITE" });
  await handler.act("ArtifactRollback", signal);
  await handler.act("Cleanup", signal);
  expect(now()).toBe("A");
});

test("a source that fails stops the download, and nothing is said to be there", async () => {
  const { handler, disks, log } = board(state("A"));
  const broken: PayloadFile = {
    name: "image",
    sizeBytes: 600,
    sha256: "",
    read: () => Promise.reject(new Error("cut off")),
  };
  await expect(handler.download({ next: async () => broken }, signal)).rejects.toThrow("cut off");
  expect([disks.B.acts, log]).toEqual([0, []]);
});

test("an aborted signal stops the download", async () => {
  const controller = new AbortController();
  controller.abort(new Error("stop now"));
  const { handler } = board(state("A"));
  await expect(handler.download(payload(randomBytes(600)), controller.signal)).rejects.toThrow("stop now");
});

for (const [from, need] of [
  ["A/B* ^A", "Automatic"],
  ["B/A ^A", "Automatic"],
  ["A ^A", "No"],
  ["B* ^A", "No"],
] as const) {
  test(`at ${from} the answer to NeedsArtifactReboot is ${need}`, async () => {
    expect(await board(state(from)).handler.needsReboot(signal)).toBe(need);
  });
}

test("a rootfs image can be rolled back", async () => {
  const { handler } = board(state("A"));
  expect(await handler.supportsRollback(signal)).toBe(true);
  expect(handler.type).toBe("rootfs-image");
});

test("a rollback while the new system runs says that the next boot brings back the old one", async () => {
  const { handler, log } = board(state("B* ^A"));
  await handler.act("ArtifactRollback", signal);
  expect(log).toEqual(["warning: Slot B is still running. The next boot returns to slot A."]);
});
