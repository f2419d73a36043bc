import { type Command, Option } from "commander";
import { addSigningOptions, type SigningOptions } from "./signing-options.ts";

/** Options of `write` after parsing. Required fields have their defaults if the user did not give them. */
export interface WriteOptions extends SigningOptions {
  /** Only of `rootfs-image`. */
  readonly sshArgs?: readonly string[];
  readonly artifactName?: string;
  readonly name?: string;
  readonly deviceType: readonly string[];
  readonly compatibleTypes: readonly string[];
  readonly outputPath: string;
  readonly artifactNameDepends: readonly string[];
  readonly dependsGroups: readonly string[];
  readonly providesGroup?: string;
  readonly provides: readonly string[];
  readonly depends: readonly string[];
  readonly clearsProvides: readonly string[];
  readonly compression?: string;
  readonly version: string;
  readonly progress: boolean;
  readonly json?: true;
}

/** Additional options of `rootfs-image` and `module-image`. */
export interface ImageOptions extends WriteOptions {
  readonly file: readonly string[];
  readonly script: readonly string[];
  readonly softwareName?: string;
  readonly softwareVersion?: string;
  readonly softwareFilesystem?: string;
  readonly defaultSoftwareVersion: boolean;
  readonly defaultClearsProvides: boolean;
}

export interface RootfsOptions extends ImageOptions {
  readonly legacyRootfsImageChecksum?: true;
  readonly checksumProvide: boolean;
}

export interface ModuleOptions extends ImageOptions {
  readonly type?: string;
  readonly metaData?: string;
}

export const COMPRESSION_OPTION = [
  "--compression <id>",
  "none, gzip (default), lzma, zstd or zstd_fastest, zstd_fast, zstd_better, zstd_best",
] as const;

/** Values of repeatable options that were not given. As defaults of the parser they would clutter the help text. */
export const NO_VALUES = {
  deviceType: [],
  compatibleTypes: [],
  artifactNameDepends: [],
  dependsGroups: [],
  provides: [],
  depends: [],
  clearsProvides: [],
  file: [],
  script: [],
} as const;

/** Collects the values of a repeatable option. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** Options of all kinds of `write`, in the order of the help text. */
export function addWriteOptions(command: Command): Command {
  command
    .option("-n, --artifact-name <name>", "name of the Artifact (required)")
    .addOption(new Option("--name <name>").hideHelp())
    .option("-t, --device-type <type>", "compatible device type (required; repeatable)", collect)
    .option("-c, --compatible-types <type>", "the same option, as newer versions of mender-artifact spell it", collect)
    .option("-o, --output-path <file>", "file to write", "artifact.mender")
    .option(...COMPRESSION_OPTION);
  return addSigningOptions(command)
    .option("-N, --artifact-name-depends <name>", "Artifact that the device must run (repeatable)", collect)
    .option("-G, --depends-groups <group>", "group that the device must be in (repeatable)", collect)
    .option("-g, --provides-group <group>", "group that the device is in after the update")
    .option("-p, --provides <key:value>", "add a key and value to the provides (repeatable)", collect)
    .option("-d, --depends <key:value>", "add a key and value to the depends (repeatable)", collect)
    .option("--clears-provides <glob>", "provides to clear on the device (repeatable)", collect)
    .option("-v, --version <number>", "version of the Artifact format; it must be 3", "3")
    .option("--no-progress", "draw no progress bar")
    .option("--json", "print a JSON object that describes the Artifact");
}

export function addImageOptions(command: Command): Command {
  return command
    .option("-s, --script <path>", "state script, or folder of them (repeatable)", collect)
    .option("--software-name <name>", "middle part of the key of the software version")
    .option("--software-version <version>", "software version (default: name of the Artifact)")
    .option("--software-filesystem <name>", "first part of the key of the software version (default: rootfs-image)")
    .option("--no-default-software-version", "add no software version and no default for --clears-provides")
    .option("--no-default-clears-provides", "add no default for --clears-provides");
}

export function addFileOption(command: Command, description: string): Command {
  return command.option("-f, --file <file>", description, collect);
}

/** Refused because nothing enforces these limits. */
export const REFUSED_SIZE_OPTIONS: readonly string[] = ["--max-artifact-size <size>", "--warn-artifact-size <size>"];
export const REFUSED_AUGMENT_OPTIONS: readonly string[] = [
  "--augment-depends <key:value>",
  "--augment-file <file>",
  "--augment-meta-data <file>",
  "--augment-provides <key:value>",
  "--augment-type <type>",
];
