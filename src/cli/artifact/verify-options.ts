import { stat } from "node:fs/promises";
import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import type { VerificationKey } from "../../artifact/signature.ts";
import type { Progress } from "../progress.ts";
import { addRefusedOptions, KEY_SERVICES } from "./refused-options.ts";
import { loadVerifyKey, programRules } from "./verify-keys.ts";
import { collect } from "./write-options.ts";

/** Options of the commands that check an Artifact. */
export interface VerifyOptions {
  readonly key?: readonly string[];
  readonly keyPkcs11?: string;
  readonly progress: boolean;
  readonly json?: true;
}

export function addVerifyOptions(command: Command): Command {
  command
    .option("-k, --key <file>", "public key in PEM form to verify the signature with (repeatable)", collect)
    .option("--key-pkcs11 <uri>", "key in a PKCS#11 token to verify the signature with, through openssl")
    .option("--no-progress", "draw no progress bar")
    .option("--json", "print a JSON object");
  return addRefusedOptions(command, KEY_SERVICES);
}

/** @throws {AgentError} the codes of `loadVerifyKey` */
export async function loadKeys({ key = [], keyPkcs11 }: VerifyOptions, io: CliIo): Promise<readonly VerificationKey[]> {
  const keys: VerificationKey[] = [];
  // One after another: two programs must not ask for a PIN at the same time.
  for (const name of keyPkcs11 === undefined ? key : [...key, keyPkcs11]) {
    keys.push(await loadVerifyKey(name, programRules(io), io));
  }
  return keys;
}

export async function readingProgress(
  path: string,
  options: Pick<VerifyOptions, "progress">,
  io: CliIo,
): Promise<Progress> {
  const { createProgress, NO_PROGRESS } = await import("../progress.ts");
  if (!options.progress) return NO_PROGRESS;
  // ignored: only the progress bar needs the size. The code that opens the file reports what is wrong with it.
  const found = await stat(path).catch(() => undefined);
  return createProgress(io, "reading", found?.size);
}
