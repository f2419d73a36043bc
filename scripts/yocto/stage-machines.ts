import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectClean } from "./bitbake.ts";
import { ask } from "./built.ts";
import { IMAGE_RECIPE, MACHINES } from "./machines.ts";
import { type Workspace, withSettings } from "./workspace.ts";

/** What goes to `switchback yocto`, as lib/switchback/variables.py of the layer says. */
const OURS = /^(?:(?:MENDER|SWITCHBACK|ARTIFACTIMG|SDIMG)_[A-Z0-9_]+|BOOTENV_SIZE|IMAGE_BOOT_FILES|IMAGE_FSTYPES)$/;
const MORE: ReadonlySet<string> = new Set([
  "IMAGE_BASENAME",
  "KERNEL_DEVICETREE",
  "KERNEL_IMAGETYPE",
  "MACHINE",
  "SERIAL_CONSOLES",
  "TARGET_ARCH",
]);

/** Parses the layer for each machine, and gives what BitBake makes of its variables to `switchback yocto`. */
export async function* stageMachines(workspace: Workspace): AsyncGenerator<string> {
  const { machines, places } = workspace;
  for (const [machine, repository] of Object.entries(MACHINES)) {
    if (repository !== undefined && places.folders[repository] === undefined) {
      yield `${machine}: skipped, because --${repository} is missing`;
      continue;
    }
    await withSettings(machines, { MACHINE: machine, MENDER_ARTIFACT_NAME: "release-1" });
    await expectClean(workspace, machines, ["bitbake", "-p"]);
    const { stdout } = await expectClean(workspace, machines, [
      "bitbake",
      "-e",
      "-b",
      join(workspace.layer, IMAGE_RECIPE),
    ]);
    const variables = variablesIn(stdout);
    const file = join(machines, `${machine}.json`);
    await writeFile(file, JSON.stringify(variables));
    const verb = (name: string, ...options: readonly string[]): Promise<string> =>
      ask(process.execPath, "dist/switchback.mjs", "yocto", name, "--variables", file, ...options);
    const checked = await verb("check");
    if (checked.includes("WARNING")) throw new Error(`${machine}: ${checked}`);
    const kib = (await verb("slot-size")).trim();
    const [kind = ""] = /\b(?:sdimg|gptimg)\b/.exec(variables["IMAGE_FSTYPES"] ?? "") ?? [];
    await verb("board", "--kind", kind);
    const { MENDER_STORAGE_DEVICE: device = "", KERNEL_IMAGETYPE: kernel = "" } = variables;
    yield `${machine}: parsed without a warning. ${kind} for ${device}, slots of ${kib} KiB, kernel ${kernel}`;
  }
}

/** The variables in what `bitbake -e` prints. */
function variablesIn(text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [, name = "", value = ""] of text.replace(/\\\n/g, " ").matchAll(/^([A-Z0-9_]+)="(.*)"$/gm))
    if (OURS.test(name) || MORE.has(name)) found[name] = value.replaceAll('\\"', '"').trim();
  return found;
}
