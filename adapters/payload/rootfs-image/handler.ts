import { AgentError } from "../../../src/errors/agent-error.ts";
import { type Bootloader, type BootPlan, otherSlot, type SlotId } from "../../../src/ports/bootloader.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import type { ModuleAction, PayloadFile, PayloadHandler, PayloadStream } from "../../../src/ports/payload-handler.ts";
import type { SlotDevice, SlotWriter, WriteStatistics } from "../../../src/ports/slot-device.ts";
import type { StoredValue } from "../../../src/ports/stored-value.ts";
import { checkImageSize } from "../../../src/util/image-size.ts";
import type { Logger } from "../../../src/util/logger.ts";
import { type Checkpoints, createCheckpoints } from "./checkpoints.ts";
import { WrittenImage } from "./read-back.ts";

export interface RootfsImageParts {
  readonly bootloader: Bootloader;
  readonly slots: SlotDevice;
  /** Holds the slot that was running when ArtifactInstall began: the target of a rollback after the trial is over. */
  readonly storedValue: StoredValue;
  readonly log: Logger;
  readonly clock: Clock;
  /** Whether to read the slot back at the end of the download. */
  readonly verifyReadback: boolean;
}

/**
 * Installs a payload of type `rootfs-image`. The download writes its single file directly into the inactive slot, and
 * ArtifactInstall arms a trial boot of that slot.
 *
 * Every action looks at the boot loader first and so may be repeated after a power cut. No action repairs what it
 * finds: the boot loader signals its own rollback only by turning `upgrade_available` off.
 *
 * @throws {AgentError} PAYLOAD_FILES, IMAGE_TOO_SMALL, BOOT_TRIAL_PENDING, BOOT_REVERTED, BOOT_MISMATCH, SLOT_READBACK,
 * and the codes of the parts
 * @see Boot loader and dual-rootfs integration, section 3
 */
export function createRootfsImageHandler(parts: RootfsImageParts): PayloadHandler {
  const actions = createActions(parts);
  let last: ModuleAction | undefined;
  return {
    type: "rootfs-image",
    download: (payload, signal) => download(parts, payload, signal),
    async act(action, signal) {
      await actions[action](signal);
      last = action;
    },
    async needsReboot(signal) {
      // This process has armed the trial and read it back, so it need not start the boot loader's tools again.
      if (last === "ArtifactInstall") return "Automatic";
      const { plan, booted } = await bootState(parts.bootloader, signal);
      return booted === plan.slot ? "No" : "Automatic";
    },
    supportsRollback: async () => true,
    rebootArgument: async (signal) => await parts.bootloader.rebootArgument?.(signal),
  };
}

type Actions = Readonly<Record<ModuleAction, (signal: AbortSignal) => Promise<void>>>;

function createActions({ bootloader, storedValue, log }: RootfsImageParts): Actions {
  const nothing = async (): Promise<void> => undefined;
  const verifyTrial = async (signal: AbortSignal): Promise<void> => {
    const plan = await bootloader.plan(signal);
    if (!plan.trial) throw new AgentError("BOOT_REVERTED");
    expectBooted(await bootloader.booted(signal), plan.slot);
  };

  return {
    async ArtifactInstall(signal) {
      const { plan, booted } = await bootState(bootloader, signal);
      const origin = otherSlot(plan.slot);
      // A repeat after a power cut: the trial is armed, and the device has not rebooted yet.
      if (plan.trial && booted === origin && (await storedValue.load()) === origin) return;
      const running = settledSlot({ plan, booted });
      // Save first: a power cut just after arming must not lose the way back.
      await storedValue.save(running);
      await bootloader.arm(otherSlot(running), signal);
      const argument = await bootloader.rebootArgument?.(signal);
      if (argument !== undefined) {
        log(
          "warning",
          `Only the command 'reboot "${argument}"' starts the new system; any other restart keeps the old one.`,
        );
      }
    },
    ArtifactReboot: nothing,
    ArtifactVerifyReboot: verifyTrial,
    async ArtifactCommit(signal) {
      await verifyTrial(signal);
      await bootloader.confirm(signal);
    },
    async ArtifactRollback(signal) {
      let origin = originIn(await storedValue.load());
      try {
        const plan = await bootloader.plan(signal);
        if (plan.trial) origin = otherSlot(plan.slot);
        if (origin === undefined) return;
        await bootloader.revert(origin, signal);
      } catch (error) {
        if (origin === undefined || signal.aborted || !(error instanceof AgentError)) throw error;
        if (!(await isSettledOn(origin, bootloader, signal))) {
          await storedValue.save(OWED + origin);
          throw error;
        }
        log("warning", `There is nothing to undo: slot ${origin} still boots next. (${error.message})`);
      }
      if ((await bootloader.booted(signal)) !== origin) {
        log("warning", `Slot ${otherSlot(origin)} is still running. The next boot returns to slot ${origin}.`);
      }
    },
    ArtifactRollbackReboot: nothing,
    async ArtifactVerifyRollbackReboot(signal) {
      const plan = await bootloader.plan(signal);
      if (plan.trial) throw new AgentError("BOOT_TRIAL_PENDING", { slot: plan.slot });
      expectBooted(await bootloader.booted(signal), plan.slot);
    },
    ArtifactFailure: nothing,
    async Cleanup(signal) {
      const kept = await storedValue.load();
      const origin = originIn(kept);
      // If the revert fails, the stored value remains, so a later Cleanup tries again.
      if (owesUndo(kept) && origin !== undefined) {
        await bootloader.revert(origin, signal);
        log("warning", `The rollback that failed before is complete: the next boot returns to slot ${origin}.`);
      }
      await storedValue.save(undefined);
    },
  };
}

/** Precedes the slot in the stored value after a failed rollback. */
const OWED = "revert:";

/** Whether a rollback has failed, so that Cleanup must retry it until it succeeds. */
export const owesUndo = (storedValue: string | undefined): boolean => storedValue?.startsWith(OWED) === true;

const originIn = (storedValue: string | undefined): SlotId | undefined =>
  asSlot(owesUndo(storedValue) ? storedValue?.slice(OWED.length) : storedValue);

/** Whether a failed revert had nothing to change. */
async function isSettledOn(origin: SlotId, bootloader: Bootloader, signal: AbortSignal): Promise<boolean> {
  try {
    const { slot, trial } = await bootloader.plan(signal);
    return !trial && slot === origin;
  } catch (error) {
    if (signal.aborted || !(error instanceof AgentError)) throw error;
    return false;
  }
}

interface BootState {
  readonly plan: BootPlan;
  readonly booted: SlotId;
}

async function bootState(bootloader: Bootloader, signal: AbortSignal): Promise<BootState> {
  return { plan: await bootloader.plan(signal), booted: await bootloader.booted(signal) };
}

/** The running slot of a board without a pending trial, which must be the slot that the environment names. */
function settledSlot({ plan, booted }: BootState): SlotId {
  if (plan.trial) throw new AgentError("BOOT_TRIAL_PENDING", { slot: plan.slot });
  expectBooted(booted, plan.slot);
  return booted;
}

function expectBooted(booted: SlotId, planned: SlotId): void {
  if (booted !== planned) throw new AgentError("BOOT_MISMATCH", { booted, planned });
}

function asSlot(text: string | undefined): SlotId | undefined {
  return text === "A" || text === "B" ? text : undefined;
}

/**
 * Downloads the image into the inactive slot and reads it back. Reading back belongs here rather than in
 * ArtifactInstall: only the download knows what was hashed. A power cut before ArtifactInstall leads to a rollback, so
 * every slot that is armed was read back.
 */
async function download(
  { bootloader, slots, storedValue, log, clock, verifyReadback }: RootfsImageParts,
  payload: PayloadStream,
  signal: AbortSignal,
): Promise<void> {
  const slot = otherSlot(settledSlot(await bootState(bootloader, signal)));
  // Check before the first byte: an update that cannot be armed could not be rolled back either.
  await bootloader.expectWritable?.(signal);
  // An update whose Cleanup failed can leave a value that points to the slot that is about to be overwritten.
  if ((await storedValue.load()) !== undefined) await storedValue.save(undefined);
  const image = await payload.next();
  if (image === undefined) throw new AgentError("PAYLOAD_FILES", { files: 0 });
  checkImageSize(image.name, image.sizeBytes);
  const written = verifyReadback ? new WrittenImage() : undefined;
  const { storedBytes = 0 } = image;
  if (storedBytes > 0) {
    for await (const chunk of slots.read(slot, storedBytes, signal)) {
      image.restore?.(chunk);
      written?.add(chunk);
    }
  }
  const writer = await slots.open(slot, { imageBytes: image.sizeBytes, fromBytes: storedBytes }, signal);
  const checkpoints = createCheckpoints(image, writer, clock);
  try {
    await copy(image, { writer, written, checkpoints, signal });
    const statistics = await writer.sync();
    // Checks for an extra file before reporting success; at this point all files of the manifest are known to be
    // present.
    const extra = await payload.next();
    if (extra !== undefined) throw new AgentError("PAYLOAD_FILES", { unexpected: extra.name });
    log("info", summary(slot, statistics));
  } finally {
    await checkpoints?.settled();
    await writer.close();
  }
  if (written === undefined) return;
  const start = clock.monotonicMs();
  await written.expectIn(slots, slot, signal);
  log("info", `Read slot ${slot} back in ${Math.round(clock.monotonicMs() - start)} ms: it holds what was sent.`);
}

interface Destination {
  readonly writer: SlotWriter;
  readonly written: WrittenImage | undefined;
  readonly checkpoints: Checkpoints | undefined;
  readonly signal: AbortSignal;
}

/** Every byte of an image passes through this loop, so it awaits only what is a promise. */
async function copy(image: PayloadFile, { writer, written, checkpoints, signal }: Destination): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const free = writer.room();
    const room = free instanceof Promise ? await free : free;
    const read = image.read(room);
    const count = typeof read === "number" ? read : await read;
    if (count === 0) return;
    written?.add(room.subarray(0, count));
    const advanced = writer.advance(count);
    if (advanced !== undefined) await advanced;
    checkpoints?.advanced(count);
  }
}

function summary(slot: SlotId, { writtenBytes, skippedBytes }: WriteStatistics): string {
  return `Slot ${slot} holds the new image: ${writtenBytes} bytes written, ${skippedBytes} bytes were there already.`;
}
