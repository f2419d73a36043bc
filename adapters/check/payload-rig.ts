import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import type { PayloadHandler } from "../../src/ports/payload-handler.ts";
import type { Files } from "./medium.ts";
import type { Sandbox } from "./sandbox.ts";
import { readFiles, writeFiles } from "./sandbox-files.ts";

/** Folder that a handler may use for itself; not among what it installs. */
export const payloadFolder = (root: string): string => join(root, "data/adapters/payloads/0000");

/** What the two versions of a payload hold. */
interface Contents {
  readonly content: Uint8Array;
  readonly earlier: Uint8Array;
}

/** @param create makes the handler anew, as a fresh process would: what it kept in memory survives no restart */
export async function createPayloadRig(sandbox: Sandbox, contents: Contents, create: () => Promise<PayloadHandler>) {
  const own = `${relative(sandbox.root, payloadFolder(sandbox.root))}/`;
  await mkdir(sandbox.root, { recursive: true });
  const factory = await readFiles(sandbox.root);
  let start: Files = factory;
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
    ...contents,
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
    cuts: (work: () => Promise<void>) => sandbox.cuts(work),
    failStorage: () => sandbox.failStorage(),
    failRead: <T>(number: number, work: () => Promise<T>) => sandbox.failRead(number, work),
    async reset() {
      await writeFiles(sandbox.root, start);
      await reboot();
    },
    /** As `reset`, to what was there before any `keep`. */
    async resetToFactory() {
      start = factory;
      await writeFiles(sandbox.root, start);
      await reboot();
    },
    async keep() {
      await reboot();
      start = await readFiles(sandbox.root);
    },
    /** Cuts every file short that is not as the factory made it. */
    async tear() {
      const torn = [...(await readFiles(sandbox.root))].map(([name, bytes]): [string, Uint8Array] => {
        const made = factory.get(name);
        const isNew = made === undefined || Buffer.compare(made, bytes) !== 0;
        return [name, isNew ? bytes.subarray(0, bytes.length / 2) : bytes];
      });
      await writeFiles(sandbox.root, new Map(torn));
    },
  };
}

/** Names and checksums, to compare and to read. */
const shown = (files: Iterable<readonly [string, Uint8Array]>): string => {
  const named: Files = new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
  return [...named].map(([name, bytes]) => `${name} ${createHash("sha256").update(bytes).digest("hex")}`).join("\n");
};
