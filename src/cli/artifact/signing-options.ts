import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import type { VerificationKey } from "../../artifact/signature.ts";
import type { SigningKey } from "../../artifact/signing.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { addRefusedOptions, KEY_SERVICES, refuseKeyServices } from "./refused-options.ts";
import { loadVerifyKey, programRules, TOKEN_URI } from "./verify-keys.ts";

/** Options of every command that writes an Artifact and can sign it. */
export interface SigningOptions {
  readonly key?: string;
  readonly keyPassphraseFile?: string;
  readonly keyPkcs11?: string;
  readonly signer?: string;
  readonly signerTimeout?: string;
}

const DEFAULT_TIMEOUT_SECONDS = 120;
const MAX_TIMEOUT_SECONDS = 86_400;

/** Adds the options with which an Artifact is signed. `loadSigner` reads them. */
export function addSigningOptions(command: Command): Command {
  command
    .option("-k, --key <file>", "sign with this private key in PEM form; with --signer: check with this public key")
    .option(
      "--key-passphrase-file <file>",
      "file whose first line is the passphrase of the private key, or the PIN of its token",
    )
    .option("--key-pkcs11 <uri>", "sign with this key in a PKCS#11 token, through openssl")
    .option("--signer <command>", "sign with this shell command: digest on stdin, signature on stdout")
    .option("--signer-timeout <seconds>", `time limit of --signer (default: ${DEFAULT_TIMEOUT_SECONDS})`);
  return addRefusedOptions(command, KEY_SERVICES);
}

/**
 * The key that the options name; `undefined` if they name none.
 *
 * @throws {AgentError} OPTION_INVALID, OPTION_UNSUPPORTED, TOKEN_KEY; the codes of `loadSigningKey` and
 * `loadVerificationKey`
 */
export async function loadSigner(
  command: Command,
  options: SigningOptions,
  io: CliIo,
): Promise<SigningKey | undefined> {
  refuseKeyServices(command);
  refuseSecondKey(options);
  const { key, keyPkcs11, signer } = options;
  const rules = programRules(io, timeoutMs(options));
  const warn = (message: string): void => io.err(`warning: ${message}`);
  if (signer !== undefined) {
    const publicKey = key === undefined ? undefined : await loadVerifyKey(key, rules, io);
    const { commandSigner } = await import("../../artifact/command-signer.ts");
    if (publicKey !== undefined) await warnOf(publicKey, warn);
    return commandSigner(signer, publicKey, io.env, rules);
  }
  const uri = keyPkcs11 ?? (key?.startsWith(TOKEN_URI) === true ? key : undefined);
  if (uri !== undefined) {
    const { createTokenKeys } = await import("../../artifact/token-key.ts");
    const tokenKey = await createTokenKeys(io.env, rules, options.keyPassphraseFile).signingKey(uri, io.signal);
    await warnOf(tokenKey.publicKey, warn);
    return tokenKey;
  }
  if (key === undefined) return undefined;
  const { loadSigningKey } = await import("../../artifact/signing.ts");
  return await loadSigningKey(key, warn, await passphraseOf(options, io));
}

/** The first line of the file. @throws {AgentError} KEY_UNREADABLE */
async function passphraseOf({ keyPassphraseFile: path }: SigningOptions, io: CliIo): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const { readSmallOrPipe } = await import("../../util/pipe.ts");
  const bytes = await readSmallOrPipe(path, io.signal).catch((cause: unknown) => {
    io.signal.throwIfAborted();
    throw new AgentError("KEY_UNREADABLE", { path }, cause);
  });
  return bytes.toString("utf8").split(/\r?\n/)[0];
}

/** Like the original: an Artifact has one signature. */
function refuseSecondKey({ key, keyPkcs11, signer }: SigningOptions): void {
  if (keyPkcs11 === undefined) return;
  if (!keyPkcs11.startsWith(TOKEN_URI)) {
    throw new AgentError("OPTION_INVALID", { option: "--key-pkcs11", reason: `it must begin with ${TOKEN_URI}` });
  }
  const other = key === undefined ? signer && "--signer" : "--key";
  if (other !== undefined) {
    throw new AgentError("OPTION_INVALID", { option: "--key-pkcs11", reason: `${other} is given as well` });
  }
}

function timeoutMs({ signerTimeout }: SigningOptions): number {
  const seconds = signerTimeout === undefined ? DEFAULT_TIMEOUT_SECONDS : Number(signerTimeout);
  if (seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS) return seconds * 1000;
  const reason = `a number of seconds from 1 to ${MAX_TIMEOUT_SECONDS}`;
  throw new AgentError("OPTION_INVALID", { option: "--signer-timeout", value: signerTimeout ?? "", reason });
}

async function warnOf({ label, key }: VerificationKey, warn: (message: string) => void): Promise<void> {
  const { warnOfKey } = await import("../../artifact/signing.ts");
  warnOfKey(label, key, warn);
}
