import { AgentError } from "../../../src/errors/agent-error.ts";
import type { BootEnv } from "../../../src/ports/boot-env.ts";
import type { FileActs } from "../../../src/ports/files.ts";
import { replaceFile } from "../../../src/util/replace-file.ts";
import { readSmallFile } from "../../../src/util/small-file.ts";
import { diskActs } from "../../files/disk.ts";
import { expectReplaceable } from "../replaceable.ts";

export type EnvVariables = ReadonlyMap<string, string>;

/**
 * A boot environment in a text file of `name=value` lines. Every change replaces the whole file. The virtual board uses
 * it in place of two raw copies in flash.
 */
export function createFileEnv(path: string, acts: FileActs = diskActs): BootEnv {
  return {
    async diagnose(signal) {
      signal.throwIfAborted();
      const { size } = await loadVariables(path);
      const subject = "boot environment";
      if (size > 0) return [{ level: "good", subject, found: `${size} variables, replaced as a whole` }];
      const advice = "The boot loader has no variables to read: create the board again (switchback board create).";
      return [{ level: "bad", subject, found: `${path} holds no variables`, advice }];
    },
    expectWritable: () => expectReplaceable(path),
    async read(keys, signal) {
      signal.throwIfAborted();
      const all = await loadVariables(path);
      return new Map([...all].filter(([key]) => keys.includes(key)));
    },
    async write(pairs, signal) {
      signal.throwIfAborted();
      for (const [key, value] of pairs) {
        if (!/^[^=\s\0]+$/.test(key) || /[\n\0]/.test(value)) throw new AgentError("BOOTENV_WRITE", { path, key });
      }
      await saveVariables(path, new Map([...(await loadVariables(path)), ...pairs]), acts);
      const stored = await loadVariables(path);
      for (const [key, value] of pairs) {
        if ((stored.get(key) ?? "") !== value) throw new AgentError("BOOTENV_WRITE", { path, key });
      }
    },
  };
}

/** Every variable that is set. @throws {AgentError} BOOTENV_READ */
export async function loadVariables(path: string): Promise<EnvVariables> {
  let text: string;
  try {
    text = readSmallFile(path);
  } catch (cause) {
    throw new AgentError("BOOTENV_READ", { path }, cause);
  }
  const variables = new Map<string, string>();
  for (const line of text.split("\n")) {
    const at = line.indexOf("=");
    if (at > 0 && at < line.length - 1) variables.set(line.slice(0, at), line.slice(at + 1));
  }
  return variables;
}

/** Replaces all variables, durably; an empty value removes its variable. @throws {AgentError} BOOTENV_WRITE */
export async function saveVariables(path: string, variables: EnvVariables, acts: FileActs = diskActs): Promise<void> {
  const lines = [...variables].filter(([, value]) => value !== "").map(([key, value]) => `${key}=${value}\n`);
  try {
    await replaceFile(path, lines.sort().join(""), acts);
  } catch (cause) {
    throw new AgentError("BOOTENV_WRITE", { path }, cause);
  }
}
