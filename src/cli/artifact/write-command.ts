import { stat } from "node:fs/promises";
import type { Command } from "commander";
import { outputTo } from "../../agent/files.ts";
import type { CliIo } from "../../agent/io.ts";
import type { ArtifactRequest, PayloadRequest } from "../../artifact/artifact-request.ts";
import { addRefusedOptions, refuseOptions } from "./refused-options.ts";
import { loadSigner } from "./signing-options.ts";
import {
  addFileOption,
  addImageOptions,
  addWriteOptions,
  COMPRESSION_OPTION,
  collect,
  type ModuleOptions,
  NO_VALUES,
  REFUSED_AUGMENT_OPTIONS,
  REFUSED_SIZE_OPTIONS,
  type RootfsOptions,
  type WriteOptions,
} from "./write-options.ts";

/** Takes a message for people about what was written. */
type Say = (line: string) => void;

/** Every option that one of the payload kinds refuses by name. */
const REFUSED = [...REFUSED_SIZE_OPTIONS, ...REFUSED_AUGMENT_OPTIONS];

export function registerWrite(artifact: Command, io: CliIo, say: Say): void {
  const write = artifact
    .command("write")
    .description("write an Artifact")
    .enablePositionalOptions()
    .option(...COMPRESSION_OPTION)
    .addHelpText("after", `${ROOTFS_EXAMPLES}\n\nEach kind has --help and examples of its own.`);
  registerRootfs(write, io, say);
  registerModule(write, io, say);
  registerBootstrap(write, io, say);
}

function registerRootfs(write: Command, io: CliIo, say: Say): void {
  const command = write.command("rootfs-image").description("write an Artifact with a root file system image");
  addWriteOptions(addFileOption(command, "image, or ssh://[user@]host[:port] to copy a running device (required)"));
  addImageOptions(command)
    .option("--legacy-rootfs-image-checksum", "provide the checksum as rootfs_image_checksum")
    .option("--no-checksum-provide", "do not provide the image's checksum")
    .option("-S, --ssh-args <arg>", "argument for ssh, with --file ssh://… (repeatable)", collect)
    .addHelpText("after", `${SSH_NOTES}${ROOTFS_EXAMPLES}`);
  addRefusedOptions(command, REFUSED_SIZE_OPTIONS);
  command.action(async (given: RootfsOptions) => {
    const options = { ...NO_VALUES, ...given };
    const { rootfsPayload } = await import("./write-request.ts");
    await write3(command, { io, say }, options, options.script, () => rootfsPayload(options));
  });
}

function registerModule(write: Command, io: CliIo, say: Say): void {
  const command = write.command("module-image").description("write an Artifact for an update module");
  command.option("-T, --type <type>", "payload type: the name of the update module (required)");
  addWriteOptions(addFileOption(command, "payload file (repeatable)"));
  addImageOptions(command)
    .option("-m, --meta-data <file>", "JSON file for the update module")
    .addHelpText("after", MODULE_EXAMPLES);
  addRefusedOptions(command, [...REFUSED_SIZE_OPTIONS, ...REFUSED_AUGMENT_OPTIONS]);
  command.action(async (given: ModuleOptions) => {
    const options = { ...NO_VALUES, ...given };
    const { modulePayload } = await import("./write-request.ts");
    await write3(command, { io, say }, options, options.script, () => modulePayload(options, io.signal));
  });
}

function registerBootstrap(write: Command, io: CliIo, say: Say): void {
  const command = write
    .command("bootstrap-artifact")
    .description("write an Artifact without a payload, which tells a new device what it runs");
  addWriteOptions(command).addHelpText("after", BOOTSTRAP_EXAMPLES);
  command.action(async (given: WriteOptions) => {
    const options = { ...NO_VALUES, ...given };
    const { emptyPayload } = await import("./write-request.ts");
    await write3(command, { io, say }, options, [], () => emptyPayload(options));
  });
}

async function write3(
  command: Command,
  { io, say }: { readonly io: CliIo; readonly say: Say },
  options: WriteOptions,
  scripts: readonly string[],
  makePayload: () => PayloadRequest | Promise<PayloadRequest>,
): Promise<void> {
  refuseOptions(command, REFUSED);
  const key = await loadSigner(command, options, io);
  const { outputPathOf, requestOf } = await import("./write-request.ts");
  const outputPath = outputPathOf(options.outputPath);
  const payload = await makePayload();
  const compression = compressionGiven(command);
  const request = requestOf({ ...options, ...compression }, scripts, payload, key);
  const [url = ""] = payload.files;
  if (!url.startsWith("ssh://")) return await writeRequest(request, outputPath, options, { io, say });
  // Refuse a bad request before the device is copied, which takes long.
  const { checkRequest } = await import("../../artifact/artifact-request.ts");
  checkRequest(request);
  const { withSnapshot } = await import("./snapshot-file.ts");
  const { sshArgs = [], progress } = options;
  await withSnapshot(url, { sshArgs, outputPath, progress }, io, (path) =>
    writeRequest({ ...request, payload: { ...payload, files: [path] } }, outputPath, options, { io, say }),
  );
}

async function writeRequest(
  request: ArtifactRequest,
  outputPath: string,
  options: WriteOptions,
  { io, say }: { readonly io: CliIo; readonly say: Say },
): Promise<void> {
  const { writeArtifact } = await import("../../artifact/writer.ts");
  const { createProgress, NO_PROGRESS } = await import("../progress.ts");
  const totalBytes = await bytesToRead(request.payload.files);
  const progress = options.progress ? createProgress(io, "writing", totalBytes) : NO_PROGRESS;
  try {
    const written = await writeArtifact(request, outputTo(outputPath), progress.advance, io.signal);
    progress.done();
    const { writtenJson } = await import("./written-text.ts");
    if (options.json === true) io.out(writtenJson(request, outputPath, written));
    else say(`Artifact ${request.name} written to ${outputPath} (${written.sizeBytes} bytes)`);
  } finally {
    progress.done();
  }
}

/** The option may follow any of the words `artifact write rootfs-image`; the last position wins. */
function compressionGiven(command: Command): { readonly compression?: string } {
  for (let place: Command | null = command; place !== null; place = place.parent) {
    const { compression } = place.opts<{ compression?: string }>();
    if (compression !== undefined) return { compression };
  }
  return {};
}

/** Undefined if a size is unknown: the writer reports why. */
async function bytesToRead(paths: readonly string[]): Promise<number | undefined> {
  // ignored: only the progress bar needs the sizes.
  const sizes = await Promise.all(paths.map((path) => stat(path).then((found) => found.size))).catch(() => undefined);
  return sizes?.reduce((sum, size) => sum + size, 0);
}

const SSH_NOTES = `
With --file ssh://, the device must have 'switchback', 'mender-snapshot' or 'mender'. It copies its own root filesystem,
frozen, as root: a user who is not root needs sudo there. The copy lies beside the Artifact until it is written.
`;
const ROOTFS_EXAMPLES = `
Examples:
  switchback artifact write rootfs-image -t board-a -n release-2 -f rootfs.ext4 -o release-2.mender
  switchback artifact write rootfs-image -t board-a -t board-b -n release-2 -f rootfs.ext4 \\
      -o release-2.mender -k private.pem -s ArtifactCommit_Enter_10_check --compression zstd
  switchback artifact write rootfs-image -t board-a -n golden-1 -f ssh://user@device:2222 -S -i -S key.pem \\
      -o golden-1.mender`;
const MODULE_EXAMPLES = `
Examples:
  switchback artifact write module-image -T single-file -t board-a -n motd-3 -f motd -f dest_dir \\
      -f filename -f permissions -o motd-3.mender
  switchback artifact write module-image -T my-module -t board-a -n app-7 -f app.tar -m settings.json -d runtime:12 \\
      -o app-7.mender`;
const BOOTSTRAP_EXAMPLES = `
Example:
  switchback artifact write bootstrap-artifact -t board-a -n release-1 -p rootfs-image.version:release-1 \\
      -o bootstrap.mender`;
