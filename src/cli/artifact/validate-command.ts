import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import type { VerificationKey } from "../../artifact/signature.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { jsonLine } from "../one-line.ts";
import type { InspectedArtifact } from "./describe-artifact.ts";
import { refuseKeyServices } from "./refused-options.ts";
import { addVerifyOptions, loadKeys, readingProgress, type VerifyOptions } from "./verify-options.ts";

export function registerValidate(artifact: Command, io: CliIo): void {
  const command = artifact
    .command("validate")
    .description("check a whole Artifact: form, checksums and signature")
    .argument("<artifact>", "Artifact file")
    .addHelpText("after", EXAMPLES);
  addVerifyOptions(command).action(async (path: string, options: VerifyOptions) => {
    refuseKeyServices(command);
    const keys = await loadKeys(options, io);
    const progress = await readingProgress(path, options, io);
    try {
      const { info } = await validated(path, keys, progress.advance, io.signal);
      progress.done();
      if (options.json === true) io.out(jsonLine({ path, valid: true, key: info.signature.key ?? null }));
      else io.out(`Artifact file '${path}' validated successfully`);
    } catch (error) {
      if (options.json === true && error instanceof AgentError) {
        io.out(jsonLine({ path, valid: false, code: error.code }));
      }
      throw error;
    } finally {
      progress.done();
    }
  });
}

async function validated(
  path: string,
  keys: readonly VerificationKey[],
  onBytes: (count: number) => void,
  signal: AbortSignal,
): Promise<InspectedArtifact> {
  const { inspectArtifact } = await import("./describe-artifact.ts");
  const inspected = await inspectArtifact(path, keys, onBytes, signal);
  // The command must not report an unchecked signature as valid.
  if (inspected.info.signature.present && keys.length === 0) throw new AgentError("SIGNATURE_UNCHECKED", { path });
  return inspected;
}

const EXAMPLES = `
With --key, the Artifact must have a signature that one of the keys fits. Without --key, a signed Artifact is not valid,
because its signature was not checked.

Exit status:
  0  valid
  1  not valid, or it cannot be read

Examples:
  switchback artifact validate release-2.mender
  switchback artifact validate -k old.pem -k new.pem release-2.mender`;
