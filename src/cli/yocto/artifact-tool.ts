import { Command, CommanderError } from "commander";
import { type Variables, valueIn } from "../../../image/yocto/read-variables.ts";
import type { CliIo } from "../../agent/io.ts";
import { AgentError, type ErrorDetail } from "../../errors/agent-error.ts";
import { registerCommands } from "../artifact/artifact-command.ts";

const PASSPHRASE = "SWITCHBACK_SIGNING_KEY_PASSPHRASE_FILE";
const EXTRA = "MENDER_ARTIFACT_EXTRA_ARGS";

/** The variables behind the fields of an Artifact. */
const FIELDS: Readonly<Record<string, string>> = {
  "artifact name": "MENDER_ARTIFACT_NAME",
  "device type": "MENDER_DEVICE_TYPES_COMPATIBLE",
  "provided group": "MENDER_ARTIFACT_PROVIDES_GROUP",
  "artifact name depended on": "MENDER_ARTIFACT_NAME_DEPENDS",
  "group depended on": "MENDER_ARTIFACT_DEPENDS_GROUPS",
  "provides key": "MENDER_ARTIFACT_PROVIDES",
  "depends key": "MENDER_ARTIFACT_DEPENDS",
};
const OPTIONS: Readonly<Record<string, string>> = {
  "--provides": "MENDER_ARTIFACT_PROVIDES",
  "--depends": "MENDER_ARTIFACT_DEPENDS",
  "--compression": "SWITCHBACK_ARTIFACT_COMPRESSION",
};

/**
 * Runs a command of `switchback artifact`. Its errors name the variable that causes them.
 *
 * @throws {AgentError} YOCTO_VARIABLE, and those of the command
 */
export async function namedArtifactTool(words: readonly string[], variables: Variables, io: CliIo): Promise<void> {
  const said: string[] = [];
  const tool = new Command("artifact").exitOverride().configureOutput({
    writeOut: (text) => io.out(text.trimEnd()),
    writeErr: (text) => said.push(text.trim()),
  });
  registerCommands(tool, io, (line) => io.out(line));
  inherit(tool, tool);
  try {
    await tool.parseAsync(words, { from: "user" });
  } catch (error) {
    throw error instanceof CommanderError ? ofExtra(variables, said.join(" ")) : named(error, variables);
  }
}

/** Only the further options can be wrong for the parser. */
const ofExtra = (variables: Variables, reason: string): AgentError =>
  new AgentError("YOCTO_VARIABLE", { variable: EXTRA, value: valueIn(variables, EXTRA) ?? "", reason });

function named(error: unknown, variables: Variables): unknown {
  if (!(error instanceof AgentError)) return error;
  const { path } = error.detail;
  const isPassphrase = path !== undefined && path === variables.get(PASSPHRASE);
  const variable = isPassphrase ? PASSPHRASE : variableOf(error);
  if (variable === undefined) return error;
  // The URI of a key in a token can have its PIN.
  const value = (valueIn(variables, variable) ?? "").replaceAll(/(pin-value=)[^;&?]*/g, "$1***");
  return new AgentError("YOCTO_VARIABLE", { variable, value }, error);
}

function variableOf({ code, detail }: { readonly code: string; readonly detail: ErrorDetail }): string | undefined {
  if (code === "KEY_PASSPHRASE") return PASSPHRASE;
  if (code.startsWith("KEY_") || code === "TOKEN_KEY") return "MENDER_ARTIFACT_SIGNING_KEY";
  if (code.startsWith("SIGNER_")) return "SWITCHBACK_SIGNER";
  if (code === "ARTIFACT_FIELD") return FIELDS[String(detail["field"])];
  if (code === "OPTION_INVALID") return OPTIONS[String(detail["option"])] ?? EXTRA;
  return code === "OPTION_UNSUPPORTED" || code === "OPTION_MISSING" ? EXTRA : undefined;
}

/** Commander copies settings only to sub-commands that it makes after them. */
function inherit(from: Command, root: Command): void {
  for (const command of from.commands) {
    command.copyInheritedSettings(root);
    inherit(command, root);
  }
}
