import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import { readSmallFile } from "../../src/util/small-file.ts";
import type { Hardware } from "../board/hardware.ts";
import type { Access } from "../rig/guest.ts";

/** A whole number within limits. @throws {AgentError} OPTION_INVALID */
export function numberOption(option: string, text: string, from: number, to: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= from && value <= to) return value;
  throw new AgentError("OPTION_INVALID", { option, value: text, expected: `a whole number from ${from} to ${to}` });
}

/** One of some words. @throws {AgentError} OPTION_INVALID */
export function wordOption<Word extends string>(option: string, text: string, words: readonly Word[]): Word {
  const word = words.find((each) => each === text);
  if (word !== undefined) return word;
  throw new AgentError("OPTION_INVALID", { option, value: text, expected: words.join(", ") });
}

/** How to log in. @throws {AgentError} OPTION_INVALID if the key cannot be read */
export function accessFrom({ user, sshKey }: { readonly user: string; readonly sshKey?: string }): Access {
  if (sshKey === undefined) return { user };
  try {
    return { user, key: readSmallFile(sshKey) };
  } catch (cause) {
    throw new AgentError("OPTION_INVALID", { option: "--ssh-key", value: sshKey }, cause);
  }
}

/** The Debian packages of what a machine needs from the host. */
const PACKAGES: Readonly<Record<string, string>> = {
  "qemu-system-x86_64": "qemu-system-x86",
  "qemu-system-aarch64": "qemu-system-arm",
  "qemu-system-arm": "qemu-system-arm",
  setpriv: "util-linux",
  taskset: "util-linux",
};
const FIRMWARE_PACKAGES = "ovmf, qemu-efi-aarch64 or qemu-efi-arm";

/** @throws {AgentError} HARNESS_MISSING for the first program or file that this machine lacks */
export async function expectHostHas(hardware: Hardware, path = process.env["PATH"] ?? ""): Promise<void> {
  for (const program of [hardware.program, "setpriv", "taskset"]) {
    if (await isProgram(program, path)) continue;
    const missing = PACKAGES[program];
    throw new AgentError("HARNESS_MISSING", { program, ...(missing !== undefined && { package: missing }) });
  }
  const { firmware, kernel } = hardware;
  const files = [firmware?.code, firmware?.variables].filter((each) => each !== undefined);
  for (const file of files) {
    if (!(await isReadable(file))) throw new AgentError("HARNESS_MISSING", { file, package: FIRMWARE_PACKAGES });
  }
  if (kernel !== undefined && !(await isReadable(kernel))) throw new AgentError("HARNESS_MISSING", { file: kernel });
}

async function isProgram(name: string, path: string): Promise<boolean> {
  const places = name.includes("/") ? [name] : path.split(delimiter).map((folder) => join(folder, name));
  for (const place of places) if (await can(place, constants.X_OK)) return true;
  return false;
}

const isReadable = (path: string): Promise<boolean> => can(path, constants.R_OK);

const can = (path: string, mode: number): Promise<boolean> =>
  access(path, mode).then(
    () => true,
    () => false, // ignored: the caller names what is missing.
  );
