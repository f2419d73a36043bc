import { createHash } from "node:crypto";
import { decodeBlock, variablesOf } from "../../../adapters/bootloader/grub/env-block.ts";
import type { ImageContext, Readable } from "../context.ts";
import type { BootloaderReport } from "../report.ts";
import { createSystemTree, type SystemTree } from "../system-tree.ts";
import { bootsBy } from "./variables.ts";

/** Folders that hold both copies: on the boot partition of EFI and of BIOS, and of older versions. */
const FOLDERS = [
  "/grub-mender-grubenv",
  "/EFI/BOOT",
  "/boot/efi/EFI/BOOT",
  "/boot/grub",
  "/boot/grub/grub-mender-grubenv",
];
const COPIES = ["mender_grubenv1", "mender_grubenv2"];

/** Mender's integration of GRUB: two copies of the environment, each with a lock whose checksum shows a complete write. */
export async function findGrub(context: ImageContext): Promise<BootloaderReport | undefined> {
  for (const readable of context.readable) {
    const tree = treeOf(readable, context.signal);
    for (const folder of FOLDERS) {
      if ((await tree.find(`${folder}/${COPIES[0]}/env`)) === undefined) continue;
      return await reportOf(context, tree, readable, folder);
    }
  }
  return undefined;
}

async function reportOf(
  context: ImageContext,
  tree: SystemTree,
  { partition }: Readable,
  folder: string,
): Promise<BootloaderReport> {
  const copies: { readonly place: string; readonly valid: boolean }[] = [];
  let variables: ReadonlyMap<string, string> = new Map();
  for (const copy of COPIES.toReversed()) {
    const found = await validVariables(tree, `${folder}/${copy}`);
    // GRUB reads the first copy, and the second one if the first is not valid.
    variables = found ?? variables;
    copies.unshift({ place: `partition ${partition.number}, ${folder}/${copy}`, valid: found !== undefined });
  }
  return {
    kind: "grub",
    ...bootsBy(variables, context),
    environment: { copies, variables: Object.fromEntries(variables) },
  };
}

/** @returns `undefined` if the copy is damaged, or was being written when the power failed */
async function validVariables(tree: SystemTree, folder: string): Promise<ReadonlyMap<string, string> | undefined> {
  const env = await tree.read(`${folder}/env`);
  const lock = await tree.read(`${folder}/lock`);
  const sum = (await tree.text(`${folder}/lock.sha256sum`))?.split(/\s/)[0];
  const block = env && decodeBlock(env);
  if (block === undefined || lock === undefined) return undefined;
  return createHash("sha256").update(lock).digest("hex") === sum ? variablesOf(block) : undefined;
}

export const treeOf = ({ partition, files }: Readable, signal: AbortSignal): SystemTree =>
  createSystemTree(new Map([["/", { files, partition: partition.number }]]), signal);
