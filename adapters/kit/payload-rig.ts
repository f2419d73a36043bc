import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import type { PayloadHandler } from "../../src/ports/payload-handler.ts";
import type { Files } from "./medium.ts";
import type { Sandbox } from "./sandbox.ts";
import { readFiles, writeFiles } from "./sandbox-files.ts";

/** Folder that a handler may use for itself; not among what it installs. */
export const payloadFolder = (root: string): string => join(root, "data/adapters/payloads/0000");

/** @param create makes the handler anew, as a fresh process would: what it kept in memory survives no restart */
export async function createPayloadRig(sandbox: Sandbox, content: Uint8Array, create: () => Promise<PayloadHandler>) {
  const own = `${relative(sandbox.root, payloadFolder(sandbox.root))}/`;
  await mkdir(sandbox.root, { recursive: true });
  const factory = await readFiles(sandbox.root);
  let current = await create();
  const filesOf = async (isOwn: boolean): Promise<string> =>
    shown([...(await readFiles(sandbox.root))].filter(([name]) => name.startsWith(own) === isOwn));
  const reboot = async (): Promise<void> => {
    current = await create();
    await sandbox.settle();
  };
  await sandbox.settle();
  return {
    get handler() {
      return current;
    },
    content,
    installed: () => filesOf(false),
    kept: () => filesOf(true),
    reboot,
    watch: (work: () => Promise<unknown>) =>
      sandbox.change(async () => {
        await work();
      }),
    async losePower() {
      await sandbox.losePower();
      await reboot();
    },
    cutPowerAt: (act: number, moment: "before" | "during" | "after") => sandbox.cutPowerAt(act, moment),
    failStorage: () => sandbox.failStorage(),
    async reset() {
      await writeFiles(sandbox.root, factory);
      await reboot();
    },
  };
}

/** Names and checksums, to compare and to read. */
const shown = (files: Iterable<readonly [string, Uint8Array]>): string => {
  const named: Files = new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
  return [...named].map(([name, bytes]) => `${name} ${createHash("sha256").update(bytes).digest("hex")}`).join("\n");
};
