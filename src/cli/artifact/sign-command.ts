import type { Command } from "commander";
import { outputTo } from "../../agent/files.ts";
import type { CliIo } from "../../agent/io.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { jsonLine } from "../one-line.ts";
import { addSigningOptions, loadSigner, type SigningOptions } from "./signing-options.ts";

interface SignOptions extends SigningOptions {
  readonly outputPath?: string;
  readonly force?: true;
  readonly json?: true;
}

export function registerSign(artifact: Command, io: CliIo, say: (line: string) => void): void {
  const command = artifact
    .command("sign")
    .description("sign an existing Artifact")
    .argument("<artifact>", "Artifact file");
  addSigningOptions(command)
    .option("-o, --output-path <file>", "write the signed Artifact here instead of in place")
    .option("-f, --force", "replace an existing signature")
    .option("--json", "print a JSON object")
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, options: SignOptions) => {
      const key = await loadSigner(command, options, io);
      if (key === undefined) throw new AgentError("OPTION_MISSING", { option: "--key" });
      const { signArtifact } = await import("../../artifact/sign-artifact.ts");
      const output = options.outputPath ?? path;
      await signArtifact(path, outputTo(output), key, options.force === true, io.signal);
      if (options.json === true) io.out(jsonLine({ path: output, signed: true, algorithm: key.algorithm ?? null }));
      else say(`Artifact signed: ${output}`);
    });
}

const EXAMPLES = `
One of --key, --key-pkcs11 and --signer is required. With --signer, --key names the public key that the signature must
fit.

Examples:
  switchback artifact sign -k private.pem release-2.mender
  switchback artifact sign -k new.pem --force -o release-2-signed.mender release-2.mender
  switchback artifact sign --key-pkcs11 'pkcs11:token=release;object=signing' release-2.mender
  switchback artifact sign --signer ./sign-with-kms.sh -k public.pem release-2.mender`;
