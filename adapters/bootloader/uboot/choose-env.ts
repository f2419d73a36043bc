import type { Stats } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { readSmallFile } from "../../../src/util/small-file.ts";
import { type EnvLayout, parseFwEnvConfig } from "./fw-env-config.ts";

/**
 * The environment that `file` describes, for access in process.
 *
 * @throws {AgentError} BOOTENV_CONFIG when the file is missing or wrong, or names what needs an ioctl: MTD, UBI
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
      throw new AgentError("BOOTENV_CONFIG", { file, device, reason: "MTD and UBI are written by the tools only" });
    }
  }
  return layout;
}

/** As libubootenv tells flash from files: by the name. `/dev/mtdblock0` is a block device, and still flash. */
const isFlashName = (device: string): boolean => /^\/dev\/(?:mtd|ubi)/.test(device) || !device.startsWith("/");

async function find(device: string): Promise<Stats | undefined> {
  try {
    return await stat(device);
  } catch {
    // ignored: whoever reads the environment says that its device is missing.
    return undefined;
  }
}
