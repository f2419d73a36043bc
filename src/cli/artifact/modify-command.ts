import { statSync } from "node:fs";
import { type Command, Option } from "commander";
import { outputTo } from "../../agent/files.ts";
import type { CliIo } from "../../agent/io.ts";
import type { ArtifactEdit } from "../../artifact/edit/edit-artifact.ts";
import { jsonLine } from "../one-line.ts";
import type { ModifyOptions } from "./modify-request.ts";
import { addSigningOptions, loadSigner } from "./signing-options.ts";
import { COMPRESSION_OPTION, collect } from "./write-options.ts";

export function registerModify(artifact: Command, io: CliIo, say: (line: string) => void): void {
  const command = artifact
    .command("modify")
    .description(
      "change the name, provides, depends, scripts or signature of an Artifact, and the settings in an image",
    )
    .argument("<artifact>", "Artifact, or an image: a file system, or a disk with two slots")
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
    .option(COMPRESSION_OPTION[0], "recompress with another compressor")
    .option("-o, --output-path <file>", "write the result here instead of in place")
    .option("-u, --server-uri <url>", "URL of the server, in the image's mender.conf")
    .option("-t, --tenant-token <token>", "tenant token, in the image's mender.conf")
    .option("-c, --server-cert <file>", "certificate of the server, for the image's folder /etc/mender")
    .option("-v, --verification-key <file>", "public key that verifies Artifacts, for the image's folder /etc/mender")
    .addOption(new Option("--tmp <folder>").hideHelp())
    .option("--no-progress", "draw no progress bar")
    .option("--json", "print a JSON object")
    .addHelpText("after", EXAMPLES);
  addSigningOptions(command).action(async (path: string, options: ModifyOptions) => {
    await modify(command, path, options, { io, say });
  });
}

async function modify(
  command: Command,
  path: string,
  options: ModifyOptions,
  { io, say }: { readonly io: CliIo; readonly say: (line: string) => void },
): Promise<void> {
  const { agentFilesOf, headerEditOf } = await import("./modify-request.ts");
  const { compressorOf } = await import("./write-request.ts");
  const edit: ArtifactEdit = {
    header: await headerEditOf(options, io.signal),
    ...(options.compression === undefined ? {} : { compression: compressorOf(options.compression) }),
  };
  const output = options.outputPath ?? path;
  const key = await loadSigner(command, options, io);
  const files = agentFilesOf(options);
  if (files === undefined && (await isArtifactOnly(path, options, io))) {
    await modifyHeader(path, { ...edit, ...(key === undefined ? {} : { key }) }, options, io);
  } else {
    const { refuseForImage } = await import("./modify-request.ts");
    const { isArtifact } = await import("./files/artifact-image.ts");
    const { modifyImage } = await import("./files/modify-image.ts");
    const isBare = !(await isArtifact(path));
    if (isBare) refuseForImage(options);
    const { progress } = options;
    const change = { progress, signer: async () => key, edit, output };
    const { name } = edit.header ?? {};
    const wanted = { ...(name === undefined ? {} : { name }), ...files };
    await modifyImage(path, wanted, change, io, isBare || files !== undefined);
  }
  if (options.json === true) io.out(jsonLine({ path: output, signed: key !== undefined }));
  else say(`Artifact modified: ${output}`);
}

/** Whether no file inside an image changes: only a new name does that, in an ext file system. */
async function isArtifactOnly(path: string, options: ModifyOptions, io: CliIo): Promise<boolean> {
  const { isArtifact } = await import("./files/artifact-image.ts");
  // A missing file is reported by the code that opens it.
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return true;
  if (!(await isArtifact(path))) return false;
  if (options.name === undefined && options.artifactName === undefined) return true;
  const { namingFile } = await import("../../artifact/sign-artifact.ts");
  const { holdsExtImage } = await import("./files/modify-image.ts");
  return !(await namingFile(path, io.signal, () => holdsExtImage(path, io.signal)));
}

async function modifyHeader(path: string, edit: ArtifactEdit, options: ModifyOptions, io: CliIo): Promise<void> {
  const { editArtifact } = await import("../../artifact/edit/edit-artifact.ts");
  const { readingProgress } = await import("./verify-options.ts");
  const output = outputTo(options.outputPath ?? path);
  const progress = await readingProgress(path, options, io);
  const before = await editArtifact(path, output, edit, progress.advance, io.signal).finally(progress.done);
  if (before.signature.present && edit.key === undefined)
    io.err(`warning: the signature of ${path} does not fit any more and was removed: sign the result`);
}

const EXAMPLES = `
A change makes the signature invalid. Without --key, the result has no signature. A new name also goes into the file
/etc/mender/artifact_info of an ext4 image.

Examples:
  switchback artifact modify -n release-3 -k private.pem release-2.mender
  switchback artifact modify -s ArtifactCommit_Enter_10_check -o release-2-checked.mender release-2.mender
  switchback artifact modify --server-uri https://ota.example.com --server-cert server.crt rootfs.ext4`;
