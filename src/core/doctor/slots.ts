import type { SlotFacts } from "../../ports/board-facts.ts";
import { otherSlot, type SlotId } from "../../ports/bootloader.ts";
import type { Finding } from "../../ports/finding.ts";
import { sizeText } from "./words.ts";

export interface SlotsSeen {
  readonly slots: Readonly<Record<SlotId, SlotFacts>>;
  /** Absent if the boot loader cannot tell; a separate finding says why. */
  readonly booted?: SlotId | undefined;
  /** Size of the running root file system, the minimum for an image of it. Absent if unknown. */
  readonly rootBytes?: number | undefined;
}

const KEYS: Readonly<Record<SlotId, string>> = { A: "RootfsPartA", B: "RootfsPartB" };

/** Whether the inactive slot can hold an image like the running one. */
export function assessSlots({ slots, booted, rootBytes }: SlotsSeen): readonly Finding[] {
  const there = [...storageOf("A", slots.A), ...storageOf("B", slots.B)];
  if (slots.A.identity !== undefined && slots.A.identity === slots.B.identity) {
    const advice = "Name two different partitions, or an update would overwrite the running system.";
    return [...there, { level: "bad", subject: "two slots", found: "both names refer to the same storage", advice }];
  }
  if (booted === undefined) return there;
  const [running, target] = [slots[booted], slots[otherSlot(booted)]];
  const runs: Finding = { level: "good", subject: "running slot", found: `${booted}, ${running.path}` };
  return [...there, runs, ...roomIn(target, running, rootBytes), inUse(otherSlot(booted), target)];
}

function storageOf(slot: SlotId, { path, kind, sizeBytes }: SlotFacts): readonly Finding[] {
  const subject = `slot ${slot}`;
  if (sizeBytes !== undefined) {
    return [{ level: "good", subject, found: `${path}, ${kind}, ${sizeText(sizeBytes)}` }];
  }
  const found = kind === "missing" ? `${path} does not exist` : `${path} is neither a block device nor a file`;
  const advice = `Set ${KEYS[slot]} in mender.conf to the partition, image file or UBI volume of slot ${slot}.`;
  return [{ level: "bad", subject, found, advice }];
}

function roomIn(target: SlotFacts, running: SlotFacts, rootBytes: number | undefined): readonly Finding[] {
  if (target.sizeBytes === undefined || running.sizeBytes === undefined) return [];
  const subject = "room for an update";
  const has = `${target.path} has ${sizeText(target.sizeBytes)}`;
  if (rootBytes !== undefined && target.sizeBytes < rootBytes) {
    const advice = "Repartition the disk with two slots of the same size: an image like the running one does not fit.";
    return [{ level: "bad", subject, found: `${has}, the running system takes ${sizeText(rootBytes)}`, advice }];
  }
  if (target.sizeBytes < running.sizeBytes) {
    const advice = "Build images for the smaller slot, or give both slots the same size.";
    return [{ level: "note", subject, found: `${has}, the running slot ${sizeText(running.sizeBytes)}`, advice }];
  }
  return [{ level: "good", subject, found: has }];
}

function inUse(slot: SlotId, { path, isMounted }: SlotFacts): Finding {
  const subject = `slot ${slot} is free`;
  if (!isMounted) return { level: "good", subject, found: `${path} is not mounted` };
  return { level: "bad", subject, found: `${path} is mounted`, advice: `Unmount it: umount ${path}` };
}
