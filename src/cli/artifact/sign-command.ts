import type { Command } from "commander";
import { outputTo } from "../../agent/files.ts";
import type { CliIo } from "../../agent/io.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { jsonLine } from "../one-line.ts";
import { refuseOptions } from "./refused-options.ts";
import { addRefusedOptions, REFUSED_KEY_OPTIONS } from "./write-options.ts";

interface SignOptions {
  readonly key?: string;
  readonly outputPath?: string;
  readonly force?: true;
  readonly json?: true;
}

export function registerSign(artifact: Command, io: CliIo, say: (line: string) => void): void {
  const command = artifact
    .command("sign")
    .description("sign an existing Artifact")
    .argument("<artifact>", "Artifact file")
    .option("-k, --key <file>", "private key in PEM form (required)")
    .option("-o, --output-path <file>", "write the signed Artifact here instead of in place")
    .option("-f, --force", "replace an existing signature")
    .option("--json", "print a JSON object")
    .addHelpText("after", EXAMPLES);
  addRefusedOptions(command, REFUSED_KEY_OPTIONS).action(async (path: string, options: SignOptions) => {
    refuseOptions(command, REFUSED_KEY_OPTIONS);
    if (options.key === undefined) throw new AgentError("OPTION_MISSING", { option: "--key" });
    const { loadSigningKey } = await import("../../artifact/signing.ts");
    const { signArtifact } = await import("../../artifact/sign-artifact.ts");
    const key = await loadSigningKey(options.key, (message) => io.err(`warning: ${message}`));
    const output = options.outputPath ?? path;
    await signArtifact(path, outputTo(output), key, options.force === true, io.signal);
    if (options.json === true) io.out(jsonLine({ path: output, signed: true, algorithm: key.algorithm }));
    else say(`Artifact signed: ${output}`);
  });
}

const EXAMPLES = `
Examples:
  switchback artifact sign -k private.pem release-2.mender
  switchback artifact sign -k new.pem --force -o release-2-signed.mender release-2.mender`;
