import { open } from "node:fs/promises";
import {
  decodeRecord,
  type EnvRecord,
  newestCopy,
  variablesOf,
} from "../../../adapters/bootloader/uboot/env-record.ts";
import { type EnvCopy, type EnvLayout, parseFwEnvConfig } from "../../../adapters/bootloader/uboot/fw-env-config.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { ImageContext } from "../context.ts";
import { numberIn } from "../mounts.ts";
import type { BootloaderReport } from "../report.ts";
import { bootsBy } from "./variables.ts";

const CONFIG = "/etc/fw_env.config";
/** Where Mender's integration puts both copies if the image does not say. */
const USUAL: EnvLayout = {
  copies: [
    { device: "/dev/mmcblk0", offset: 0x800000 },
    { device: "/dev/mmcblk0", offset: 0x1000000 },
  ],
  sizeBytes: 0x20000,
};
/** U-Boot's largest environments have 256 KiB. A hostile size must not fill the memory. */
const MAX_ENV_BYTES = 16 * 1024 * 1024;

interface Copy {
  readonly place: string;
  readonly record?: EnvRecord | undefined;
}

export async function findUBoot(context: ImageContext): Promise<BootloaderReport | undefined> {
  const text = await context.tree?.text(CONFIG);
  const configured = text === undefined ? undefined : layoutIn(text);
  const { copies, sizeBytes } = configured ?? USUAL;
  const isRedundant = copies.length === 2;
  const found: Copy[] = [];
  for (const copy of copies) {
    const bytes = sizeBytes > MAX_ENV_BYTES ? undefined : await bytesOf(copy, sizeBytes, context);
    const record = bytes?.length === sizeBytes ? decodeRecord(bytes, isRedundant) : undefined;
    found.push({ place: `${copy.device} 0x${copy.offset.toString(16)}`, record });
  }
  const [first, second] = found;
  const chosen = newestCopy(first?.record, second?.record);
  const record = chosen === undefined ? undefined : found[chosen]?.record;
  if (configured === undefined && record === undefined) return undefined;
  const variables = record === undefined ? new Map<string, string>() : variablesOf(record);
  return {
    kind: "uboot",
    ...bootsBy(variables, context),
    environment: {
      copies: found.map(({ place, record: valid }) => ({ place, valid: valid !== undefined })),
      variables: Object.fromEntries(variables),
    },
  };
}

/** A file that no tool could read is as good as none: then the usual places count. */
function layoutIn(text: string): EnvLayout | undefined {
  try {
    return parseFwEnvConfig(text, CONFIG);
  } catch (error) {
    if (error instanceof AgentError) return undefined;
    throw error;
  }
}

/** `undefined` if the place is not in the image, such as a boot partition of an eMMC or a UBI volume. */
async function bytesOf(
  { device, offset }: EnvCopy,
  length: number,
  context: ImageContext,
): Promise<Buffer | undefined> {
  if (device.startsWith("/") && !device.startsWith("/dev/")) {
    const bytes = await context.tree?.read(device);
    return bytes?.subarray(offset, offset + length);
  }
  const number = numberIn(device);
  const isDisk = /^\/dev\/(?:mmcblk\d+|nvme\d+n\d+|[shv]d[a-z]+|xvd[a-z]+|loop\d+)$/.test(device);
  const area = isDisk ? { offset: 0, size: context.size } : context.partitions.find((each) => each.number === number);
  if (area === undefined) return undefined;
  const from = offset < 0 ? area.size + offset : offset;
  if (from < 0 || from + length > area.size) return undefined;
  return await readAt(context.path, area.offset + from, length);
}

async function readAt(path: string, offset: number, length: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, length, offset);
    return bytes;
  } finally {
    await file.close();
  }
}
