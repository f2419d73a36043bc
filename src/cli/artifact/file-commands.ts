import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import type { CopyOptions } from "./files/cp.ts";
import type { InstallOptions } from "./files/install.ts";
import type { ListOptions } from "./files/ls.ts";
import type { ChangeOptions } from "./files/open-image.ts";
import type { RemoveOptions } from "./files/rm.ts";
import { addSigningOptions, loadSigner, type SigningOptions } from "./signing-options.ts";
import { COMPRESSION_OPTION } from "./write-options.ts";

/** Options as the parser gives them. */
type Given<Options extends ChangeOptions> = Omit<Options, "signer"> & SigningOptions;

/** Commands that work on files inside an image. Their code loads when they are called. */
export function registerFiles(artifact: Command, io: CliIo): void {
  artifact
    .command("cat")
    .description("print a file in an image, inside an Artifact or by itself")
    .argument("<file>", "IMAGE:PATH")
    .addHelpText("after", CAT_EXAMPLES)
    .action(async (file: string) => (await import("./files/cat.ts")).cat(file, io));
  artifact
    .command("ls")
    .description("list a folder in an image")
    .argument("<folder>", "IMAGE:PATH")
    .option("-l, --long", "show type, mode, owner and size, too")
    .option("--json", "print a JSON object")
    .addHelpText("after", LS_EXAMPLES)
    .action(async (folder: string, options: ListOptions) => (await import("./files/ls.ts")).ls(folder, options, io));
  registerCp(artifact, io);
  registerInstall(artifact, io);
  registerRm(artifact, io);
}

function registerCp(artifact: Command, io: CliIo): void {
  const command = artifact
    .command("cp")
    .description("copy a file or folder into an image, or out of it")
    .argument("<source>", "file or folder, IMAGE:PATH, or - for standard input")
    .argument("<destination>", "IMAGE:PATH, file or folder")
    .option("-r, --recursive", "accepted as in cp: a folder is always copied with its content")
    .option(COMPRESSION_OPTION[0], "accepted with a warning, as in mender-artifact")
    .addHelpText("after", CP_EXAMPLES);
  addChangeOptions(command).action(async (from: string, to: string, options: Given<CopyOptions>) => {
    await (await import("./files/cp.ts")).cp(from, to, withSigner(command, options, io), io);
  });
}

function registerInstall(artifact: Command, io: CliIo): void {
  const command = artifact
    .command("install")
    .description("put a file with a mode into an image, or make a folder in it")
    .argument("<arguments...>", "FILE IMAGE:PATH, or with -d only IMAGE:PATH")
    .option("-m, --mode <mode>", "mode of the file, in octal (required without -d)")
    .option("-d, --directory", "make a folder, and the folders above it")
    .addHelpText("after", INSTALL_EXAMPLES);
  addChangeOptions(command).action(async (given: readonly string[], options: Given<InstallOptions>) => {
    await (await import("./files/install.ts")).install(given, withSigner(command, options, io), io);
  });
}

function registerRm(artifact: Command, io: CliIo): void {
  const command = artifact
    .command("rm")
    .description("remove a file or folder from an image")
    .argument("<file>", "IMAGE:PATH")
    .option("-r, --recursive", "remove a folder with its content")
    .addHelpText("after", RM_EXAMPLES);
  addChangeOptions(command).action(async (file: string, options: Given<RemoveOptions>) => {
    await (await import("./files/rm.ts")).rm(file, withSigner(command, options, io), io);
  });
}

const addChangeOptions = (command: Command): Command =>
  addSigningOptions(command).option("--no-progress", "draw no progress bar");

const withSigner = <T extends SigningOptions>(command: Command, options: T, io: CliIo) => ({
  ...options,
  signer: () => loadSigner(command, options, io),
});

const CAT_EXAMPLES = `
Examples:
  switchback artifact cat release-2.mender:/etc/mender/artifact_info`;

const LS_EXAMPLES = `
Examples:
  switchback artifact ls -l release-2.mender:/etc
  switchback artifact ls --json rootfs.ext4:/etc | jq -r .entries[].name`;

const CP_EXAMPLES = `
An image is an Artifact with a root file system image (FILE.mender), a file system (FILE.img, FILE.ext4, FILE.vfat), or a
disk with two slots (FILE.sdimg, FILE.gptimg, FILE.uefiimg, FILE.wic, FILE.img). On a disk, /data leads to the data
partition, /uboot, /boot/efi, /boot/grub and /boot/firmware lead to the boot partition, and all else to both slots. New
files belong to root.

A changed Artifact loses its signature, unless you give --key.

Examples:
  switchback artifact cp hostname release-2.mender:/etc/hostname
  switchback artifact cp -k private.pem hostname release-2.mender:/etc/hostname
  switchback artifact cp overlay rootfs.ext4:/opt/overlay
  switchback artifact cp release-2.mender:/etc/hostname hostname.old`;

const INSTALL_EXAMPLES = `
Examples:
  switchback artifact install -m 0755 check.sh release-2.mender:/usr/bin/check
  switchback artifact install -d release-2.mender:/etc/check.d`;

const RM_EXAMPLES = `
Examples:
  switchback artifact rm -r rootfs.ext4:/usr/share/doc`;
