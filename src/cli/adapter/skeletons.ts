import { BOOTLOADER_SKELETONS } from "./bootloader-skeletons.ts";
import { DEVICE_SKELETONS } from "./device-skeletons.ts";
import { PAYLOAD_SKELETONS } from "./payload-skeletons.ts";
import type { Skeletons } from "./skeleton.ts";

/** What `switchback adapter new` writes, by kind of adapter. */
export const SKELETONS = {
  bootloader: BOOTLOADER_SKELETONS,
  device: DEVICE_SKELETONS,
  payload: PAYLOAD_SKELETONS,
} as const satisfies Readonly<Record<string, Skeletons>>;

export type SkeletonKind = keyof typeof SKELETONS;
