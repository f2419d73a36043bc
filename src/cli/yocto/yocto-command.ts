import { type Command, Option } from "commander";
import type { CliIo } from "../../agent/io.ts";

/** `switchback yocto`: what the classes of the Yocto layer call, on the machine that builds images. */
export function register(program: Command, io: CliIo): void {
  const yocto = program
    .command("yocto")
    .description("make images and Artifacts from the variables of a Yocto build, as the layer meta-switchback does")
    .addHelpText("after", GROUP);
  const verb = (name: string, description: string, example: string, notes = ""): Command =>
    yocto
      .command(name)
      .description(description)
      .requiredOption("--variables <file>", "JSON object with the variables of the build (required)")
      .addHelpText("after", `${notes}\nExample:\n  switchback yocto ${example}`);
  const texts = () => import("./text-actions.ts");
  const images = () => import("./image-actions.ts");
  const artifacts = () => import("./artifact-actions.ts");

  verb("check", "check the variables: names, numbers, sizes, contradictions", "check --variables build.json", WARNS)
    .option("--json", "print one JSON object")
    .action(async (options) => (await texts()).check(options, io));
  verb("slot-size", "print the size of one slot in KiB", "slot-size --variables build.json").action(async (options) =>
    (await texts()).slotSize(options, io),
  );
  verb("board", "print the board file for 'image create'", "board --variables build.json --kind gptimg")
    .addOption(kindOption())
    .action(async (options) => (await texts()).board(options, io));
  verb(
    "configuration",
    "write the files of the agent's configuration, below rootfs and data, and the lines for fstab",
    "configuration --variables build.json --output configuration",
  )
    .requiredOption("-o, --output <dir>", "new folder (required)")
    .option("--fragments <dir>", "folder with *.json files that are merged into mender.conf")
    .action(async (options) => (await texts()).configuration(options, io));
  verb(
    "environment",
    "write the files of the boot loader: environment, fw_env.config and Kconfig fragment, or GRUB's script",
    "environment --variables build.json --environment u-boot-initial-env --output boot",
  )
    .requiredOption("-o, --output <dir>", "new folder (required)")
    .addOption(environmentOption())
    .action(async (options) => (await texts()).environment(options, io));
  verb(
    "check-u-boot",
    "check that U-Boot's .config agrees with the layout of the disk",
    "check-u-boot --variables build.json --config .config",
  )
    .requiredOption("--config <file>", "the .config of U-Boot (required)")
    .action(async (options) => (await texts()).checkUBoot(options, io));
  verb(
    "state-scripts",
    "sort state scripts into those of the Artifact and those of the root filesystem",
    "state-scripts --variables build.json --from scripts --artifact-scripts artifact --rootfs-scripts rootfs",
  )
    .requiredOption("--from <dir...>", "folders with state scripts (required)")
    .requiredOption("--artifact-scripts <dir>", "new folder for scripts of the Artifact (required)")
    .requiredOption("--rootfs-scripts <dir>", "new folder for Idle, Sync and Download scripts (required)")
    .action(async (options) => (await texts()).stateScripts(options, io));

  const disk = verb(
    "disk",
    "make the image of the disk",
    "disk --variables build.json --kind sdimg --rootfs rootfs.ext4 --output disk.img",
  )
    .addOption(kindOption().makeOptionMandatory())
    .requiredOption("--rootfs <file>", "image of the root filesystem, for slot A (required)")
    .option("--data-content <path>", "content of the data partition: a folder, a tar archive or an image")
    .option("--boot-files <dir>", "files of the boot partition")
    .option("--bootloader <file>", "file to write in front of the partitions")
    .addOption(environmentOption());
  addOutput(disk, "-o, --output <file>", "image to write (required)").action(async (options) =>
    (await images()).disk(options, io),
  );
  const data = verb(
    "data-image",
    "make the filesystem of the data partition",
    "data-image --variables build.json --data-content data --output data.ext4",
  ).option("--data-content <path>", "content of the data partition: a folder or a tar archive");
  addOutput(data, "-o, --output <file>", "image to write (required)").action(async (options) =>
    (await images()).dataImage(options, io),
  );

  const artifact = (name: string, description: string, example: string): Command =>
    verb(name, description, example)
      .requiredOption("-o, --output <file>", "Artifact to write (required)")
      .option("--no-progress", "draw no progress bar");
  artifact(
    "artifact",
    "write the Artifact with the root filesystem",
    "artifact --variables build.json --rootfs rootfs.ext4 --output release-2.mender",
  )
    .requiredOption("--rootfs <file>", "image of the root filesystem (required)")
    .option("--scripts <dir>", "folder with state scripts of the Artifact")
    .action(async (options) => (await artifacts()).rootfsArtifact(options, io));
  artifact(
    "module-artifact",
    "write an Artifact for an update module",
    "module-artifact --variables build.json --type my-module --files app.tar --output app.mender",
  )
    .requiredOption("--type <name>", "payload type: the name of the update module (required)")
    .option("--files <file...>", "payload files")
    .option("--meta-data <file>", "JSON file for the update module")
    .option("--scripts <dir>", "folder with state scripts of the Artifact")
    .action(async (options) => (await artifacts()).moduleArtifact(options, io));
  artifact(
    "bootstrap-artifact",
    "write the Artifact that tells a new device what it runs",
    "bootstrap-artifact --variables build.json --output bootstrap.mender",
  ).action(async (options) => (await artifacts()).bootstrapArtifact(options, io));
}

const kindOption = (): Option =>
  new Option("--kind <kind>", "sdimg has a DOS partition table, gptimg a GPT").choices(["sdimg", "gptimg"]);

const environmentOption = (): Option =>
  new Option("--environment <file>", "U-Boot's default environment, as its build writes it (u-boot-initial-env)");

const addOutput = (command: Command, flags: string, description: string): Command =>
  command
    .requiredOption(flags, description)
    .option("--bootstrap <file>", "bootstrap Artifact for the data partition")
    .option("--no-progress", "draw no progress bar")
    .option("--json", "print a JSON object that describes the image");

const WARNS = `
It prints warnings as lines that begin with WARNING:. It fails for what would not work, and the error names the variable.
`;
const GROUP = `
The variables are those of meta-mender, and some of Switchback: docs/reference/yocto-variables.md lists all of them. The
file is a JSON object: {"MACHINE": "my-board", "MENDER_ARTIFACT_NAME": "release-1"}. A flag has the name VARIABLE[flag].

Examples:
  switchback yocto check --variables build.json
  switchback yocto disk --variables build.json --kind sdimg --rootfs rootfs.ext4 --output disk.img
  switchback yocto artifact --variables build.json --rootfs rootfs.ext4 --output release-2.mender`;
