import type { Stats } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { readSmallFile } from "../../../src/util/small-file.ts";
import { type EnvLayout, parseFwEnvConfig } from "./fw-env-config.ts";

/**
 * Reads the layout that `file` describes, so that this process can access the environment itself.
 *
 * @throws {AgentError} BOOTENV_CONFIG if the file is missing or wrong, or names storage that needs an ioctl: MTD, UBI
 */
export async function nativeLayout(file: string, follow = (path: string) => realpath(path)): Promise<EnvLayout> {
  let text: string;
  try {
    text = readSmallFile(file);
  } catch (cause) {
    throw new AgentError("BOOTENV_CONFIG", { file }, cause);
  }
  const layout = parseFwEnvConfig(text, file);
  for (const { device } of layout.copies) {
    const target = await follow(device).catch(() => device);
    if (isFlashName(device) || isFlashName(target) || (await find(device))?.isCharacterDevice() === true) {
      throw new AgentError("BOOTENV_CONFIG", { file, device, reason: "only the tools can write to MTD and UBI" });
    }
  }
  return layout;
}

/** Recognizes flash by its name, as libubootenv does. `/dev/mtdblock0` is a block device, but still flash. */
const isFlashName = (device: string): boolean => /^\/dev\/(?:mtd|ubi)/.test(device) || !device.startsWith("/");

async function find(device: string): Promise<Stats | undefined> {
  try {
    return await stat(device);
  } catch {
    // ignored: reading the environment later reports a missing device.
    return undefined;
  }
}
