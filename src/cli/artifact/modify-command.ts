import { type Command, Option } from "commander";
import { outputTo } from "../../agent/files.ts";
import type { CliIo } from "../../agent/io.ts";
import type { ArtifactEdit } from "../../artifact/edit/edit-artifact.ts";
import { jsonLine } from "../one-line.ts";
import type { ModifyOptions } from "./modify-request.ts";
import { addRefusedOptions, refuseOptions } from "./refused-options.ts";
import { addSigningOptions, loadSigner } from "./signing-options.ts";
import { COMPRESSION_OPTION, collect } from "./write-options.ts";

/** Options that change files inside an image. */
const IMAGE_OPTIONS: readonly string[] = [
  "-u, --server-uri <url>",
  "-c, --server-cert <file>",
  "-v, --verification-key <file>",
  "-t, --tenant-token <token>",
];

export function registerModify(artifact: Command, io: CliIo, say: (line: string) => void): void {
  const command = artifact
    .command("modify")
    .description("change the name, provides, depends, scripts or signature of an Artifact")
    .argument("<artifact>", "Artifact file")
    .option("-n, --artifact-name <name>", "new name of the Artifact")
    .addOption(new Option("--name <name>").hideHelp())
    .option(
      "-N, --artifact-name-depends <name>",
      "Artifact that the device must run (repeatable; replaces all)",
      collect,
    )
    .option("-G, --depends-groups <group>", "group that the device must be in (repeatable; replaces all)", collect)
    .option("-g, --provides-group <group>", "group that the device is in after the update")
    .option("--compatible-types <type>", "compatible device type (repeatable; replaces all)", collect)
    .addOption(new Option("--device-type <type>").hideHelp().argParser(collect))
    .option("-p, --provides <key:value>", "provides of the payload (repeatable; replaces all)", collect)
    .option("-d, --depends <key:value>", "depends of the payload (repeatable; replaces all)", collect)
    .option("--clears-provides <glob>", "add provides to clear on the device (repeatable)", collect)
    .option("--delete-clears-provides <glob>", "remove one of the provides to clear (repeatable)", collect)
    .option("-m, --meta-data <file>", "JSON file that replaces the meta-data of the payload")
    .option("-s, --script <path>", "add a state script, or a folder of them (repeatable)", collect)
    .option(COMPRESSION_OPTION[0], "compress anew with another compressor")
    .option("-o, --output-path <file>", "write the result here instead of in place")
    .addOption(new Option("--tmp <folder>").hideHelp())
    .option("--no-progress", "draw no progress bar")
    .option("--json", "print a JSON object")
    .addHelpText("after", EXAMPLES);
  addRefusedOptions(addSigningOptions(command), IMAGE_OPTIONS);
  command.action(async (path: string, options: ModifyOptions) => {
    refuseOptions(command, IMAGE_OPTIONS);
    await modify(command, path, options, { io, say });
  });
}

async function modify(
  command: Command,
  path: string,
  options: ModifyOptions,
  { io, say }: { readonly io: CliIo; readonly say: (line: string) => void },
): Promise<void> {
  const { headerEditOf } = await import("./modify-request.ts");
  const { compressorOf } = await import("./write-request.ts");
  const { editArtifact } = await import("../../artifact/edit/edit-artifact.ts");
  const { readingProgress } = await import("./verify-options.ts");
  const key = await loadSigner(command, options, io);
  const edit: ArtifactEdit = {
    header: await headerEditOf(options, io.signal),
    ...(options.compression === undefined ? {} : { compression: compressorOf(options.compression) }),
    ...(key === undefined ? {} : { key }),
  };
  const output = options.outputPath ?? path;
  const progress = await readingProgress(path, options, io);
  const before = await editArtifact(path, outputTo(output), edit, progress.advance, io.signal).finally(progress.done);
  if (before.signature.present && key === undefined)
    io.err(`warning: the signature of ${path} does not fit any more and was removed: sign the result`);
  if (options.json === true) io.out(jsonLine({ path: output, signed: key !== undefined }));
  else say(`Artifact modified: ${output}`);
}

const EXAMPLES = `
A change makes the signature invalid. Without --key, the result has no signature.

Examples:
  switchback artifact modify -n release-3 -k private.pem release-2.mender
  switchback artifact modify -s ArtifactCommit_Enter_10_check -o release-2-checked.mender release-2.mender`;
