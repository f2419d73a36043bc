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
  /** Holds the slot that was running when ArtifactInstall began: the way back once the trial is over. */
  readonly storedValue: StoredValue;
  readonly log: Logger;
  readonly clock: Clock;
  /** Reads the slot back at the end of the download. */
  readonly verifyReadback: boolean;
}

/**
 * Installs a payload of type `rootfs-image`: its one file goes straight into the slot that is not running,
 * which ArtifactInstall then boots on trial.
 *
 * Every action looks at the boot loader first and so may be repeated after a power cut. None repairs what
 * it finds: `upgrade_available` turned off by the boot loader is the only sign that it has reverted.
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
      // Armed by this very process and read back: the boot loader's tools need not be started again.
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
      // Our own arming, seen again after a power cut: the trial is pending and nothing has been rebooted yet.
      if (plan.trial && booted === origin && (await storedValue.load()) === origin) return;
      const running = settledSlot({ plan, booted });
      // First, or a power cut just after arming would leave no way back.
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
      // A failure keeps the stored value, and with it the debt.
      if (owesUndo(kept) && origin !== undefined) {
        await bootloader.revert(origin, signal);
        log("warning", `The rollback that failed before is complete: the next boot returns to slot ${origin}.`);
      }
      await storedValue.save(undefined);
    },
  };
}

/** Stands before the slot in the stored value when a rollback could not be written. */
const OWED = "revert:";

/** Whether a rollback has failed and must be tried again, by Cleanup, as long as it takes. */
export const owesUndo = (storedValue: string | undefined): boolean => storedValue?.startsWith(OWED) === true;

const originIn = (storedValue: string | undefined): SlotId | undefined =>
  asSlot(owesUndo(storedValue) ? storedValue?.slice(OWED.length) : storedValue);

/** Whether a revert that failed had nothing to change. */
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

/** The running slot of a board that is at rest: no trial, and running what the environment names. */
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
 * The reading back belongs here and not to ArtifactInstall: only here it is known what was hashed, and a power cut
 * between the two leads to a rollback, so whatever is armed has been read back.
 */
async function download(
  { bootloader, slots, storedValue, log, clock, verifyReadback }: RootfsImageParts,
  payload: PayloadStream,
  signal: AbortSignal,
): Promise<void> {
  const slot = otherSlot(settledSlot(await bootState(bootloader, signal)));
  // Before the first byte: an update that cannot be armed could not be undone either.
  await bootloader.expectWritable?.(signal);
  // What an update whose Cleanup failed left behind is the way into the slot that is written now.
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
    // Asked before anything is reported as done; the files of the manifest are all known to be there by then.
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

/** The loop that every byte of an image goes through: it awaits only where there is something to wait for. */
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
