import { boardOf, boardText } from "../../../image/yocto/board.ts";
import { bootFiles } from "../../../image/yocto/boot-files.ts";
import { checkBuild } from "../../../image/yocto/check-build.ts";
import { configurationFiles } from "../../../image/yocto/configuration.ts";
import { environmentPlace } from "../../../image/yocto/environment-place.ts";
import { partitionsOf } from "../../../image/yocto/partitions.ts";
import { readBuild, readVariables } from "../../../image/yocto/read-variables.ts";
import { type Settings, settingsOf } from "../../../image/yocto/settings.ts";
import { slotBytes } from "../../../image/yocto/slot-size.ts";
import { copyScripts, sortScripts } from "../../../image/yocto/state-scripts.ts";
import { checkUBootConfig } from "../../../image/yocto/u-boot-config.ts";
import { writeFolder } from "../../../image/yocto/write-files.ts";
import type { CliIo } from "../../agent/io.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { jsonLine } from "../one-line.ts";
import { type DiskKind, labelOf, readGiven } from "./given.ts";

interface Given {
  readonly variables: string;
}

const settingsIn = ({ variables }: Given): Settings => settingsOf(readVariables(variables));

/** @throws {AgentError} the codes of `checkBuild` */
export function check(given: Given & { readonly json?: true }, io: CliIo): void {
  const { settings, slotBytes: bytes, warnings } = checkBuild(readBuild(given.variables));
  if (given.json === true) {
    const partitions = partitionsOf(settings).map(({ role, number, bytes: size, device }) => ({
      role,
      number,
      size,
      device,
    }));
    io.out(jsonLine({ warnings, bootloader: settings.bootloader, slot_size: bytes, partitions }));
    return;
  }
  for (const { message } of warnings) io.out(`WARNING: ${message}`);
  if (warnings.length === 0) io.out(`No warnings. A slot has ${bytes / 1024} KiB.`);
}

export function slotSize(given: Given, io: CliIo): void {
  io.out(String(slotBytes(settingsIn(given)) / 1024));
}

export function board(given: Given & { readonly kind?: DiskKind }, io: CliIo): void {
  const settings = settingsIn(given);
  const label = given.kind === undefined ? settings.label : labelOf(given.kind);
  const text = boardText(boardOf(settings, label, { environment: "environment.txt" }));
  for (const line of text.trimEnd().split("\n")) io.out(line);
}

interface ConfigurationOptions extends Given {
  readonly output: string;
  readonly fragments?: string;
}

export async function configuration({ output, fragments, ...given }: ConfigurationOptions, io: CliIo): Promise<void> {
  const files = configurationFiles(settingsIn(given), fragments);
  await writeFolder(output, files);
  io.out(`${files.length} files and folders written to ${output}`);
}

interface EnvironmentOptions extends Given {
  readonly output: string;
  readonly environment?: string;
}

export async function environment(
  { output, environment: path, ...given }: EnvironmentOptions,
  io: CliIo,
): Promise<void> {
  const files = bootFiles(settingsIn(given), path === undefined ? undefined : readGiven(path).toString("utf8"));
  await writeFolder(output, files);
  io.out(`${files.length} files written to ${output}`);
}

export function checkUBoot(given: Given & { readonly config: string }, io: CliIo): void {
  const settings = settingsIn(given);
  if (settings.bootloader !== "u-boot") {
    const reason = "there is nothing to check: the boot loader of this build is not U-Boot";
    throw new AgentError("YOCTO_VARIABLE", { variable: "SWITCHBACK_BOOTLOADER", value: settings.bootloader, reason });
  }
  checkUBootConfig(readGiven(given.config).toString("utf8"), given.config, environmentPlace(settings));
  io.out(`${given.config} agrees with the layout of the disk.`);
}

interface ScriptOptions extends Given {
  readonly from: readonly string[];
  readonly artifactScripts: string;
  readonly rootfsScripts: string;
}

/** The sorting depends on no variable; a build that has none is a mistake all the same. */
export async function stateScripts(options: ScriptOptions, io: CliIo): Promise<void> {
  const { from, artifactScripts, rootfsScripts, variables } = options;
  readVariables(variables);
  const { artifact, rootfs } = await sortScripts(from);
  await copyScripts(artifact, artifactScripts);
  await copyScripts(rootfs, rootfsScripts);
  io.out(`${artifact.length} scripts for the Artifact, ${rootfs.length} for the root filesystem`);
}
