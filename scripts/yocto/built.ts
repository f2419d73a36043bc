import { capture } from "../lib/run.ts";

/** What the variables of a build ask for. */
export interface Built {
  readonly name: string;
  readonly deviceTypes: readonly string[];
  readonly device: string;
  readonly totalMb: number;
  readonly dataMb: number;
  readonly alignment: number;
  readonly bootloader: "u-boot" | "grub";
  /** Public key of the Artifact's signature. */
  readonly verifyKey?: string;
}

/** Runs a program of the host. @throws with what it said */
export async function ask(program: string, ...args: readonly string[]): Promise<string> {
  const { code, output, stdout } = await capture(program, args, {
    PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`,
    LC_ALL: "C",
  });
  if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ${output.trim()}`);
  return stdout;
}

export function expectText(what: string, text: string, ...parts: readonly string[]): void {
  for (const part of parts) if (!text.includes(part)) throw new Error(`${what}: expected ${part} in:\n${text}`);
}
