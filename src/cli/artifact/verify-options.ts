import { stat } from "node:fs/promises";
import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import type { VerificationKey } from "../../artifact/signature.ts";
import type { Progress } from "../progress.ts";
import { addRefusedOptions, collect, REFUSED_KEY_OPTIONS } from "./write-options.ts";

/** Options of the commands that check an Artifact. */
export interface VerifyOptions {
  readonly key?: readonly string[];
  readonly progress: boolean;
  readonly json?: true;
}

export function addVerifyOptions(command: Command): Command {
  command
    .option("-k, --key <file>", "public key in PEM form to verify the signature with (repeatable)", collect)
    .option("--no-progress", "draw no progress bar")
    .option("--json", "print a JSON object");
  return addRefusedOptions(command, REFUSED_KEY_OPTIONS);
}

/** @throws {AgentError} the codes of `loadVerificationKey` */
export async function loadKeys({ key = [] }: VerifyOptions): Promise<readonly VerificationKey[]> {
  const { loadVerificationKey } = await import("../../artifact/signature.ts");
  return await Promise.all(key.map((path) => loadVerificationKey(path)));
}

export async function readingProgress(path: string, options: VerifyOptions, io: CliIo): Promise<Progress> {
  const { createProgress, NO_PROGRESS } = await import("../progress.ts");
  if (!options.progress) return NO_PROGRESS;
  // ignored: only the progress bar needs the size. The code that opens the file reports what is wrong with it.
  const found = await stat(path).catch(() => undefined);
  return createProgress(io, "reading", found?.size);
}
