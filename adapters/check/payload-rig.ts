import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import type { PayloadHandler } from "../../src/ports/payload-handler.ts";
import type { Files } from "./medium.ts";
import type { Sandbox } from "./sandbox.ts";
import { readFiles, writeFiles } from "./sandbox-files.ts";

/** The handler's private folder, which does not count as installed content. */
export const payloadFolder = (root: string): string => join(root, "data/adapters/payloads/0000");

/** The content of the two versions of a payload. */
interface Contents {
  readonly content: Uint8Array;
  readonly earlier: Uint8Array;
}

/** @param create creates a fresh handler, as a new process would: its memory must not survive a restart */
export async function createPayloadRig(sandbox: Sandbox, contents: Contents, create: () => Promise<PayloadHandler>) {
  const own = `${relative(sandbox.root, payloadFolder(sandbox.root))}/`;
  await mkdir(sandbox.root, { recursive: true });
  const factory = readFiles(sandbox.root);
  let start: Files = factory;
  let current = await create();
  const filesOf = async (isOwn: boolean): Promise<string> =>
    shown([...readFiles(sandbox.root)].filter(([name]) => name.startsWith(own) === isOwn));
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
      writeFiles(sandbox.root, start);
      await reboot();
    },
    /** Like `reset`, but restores the state before any `keep`. */
    async resetToFactory() {
      start = factory;
      writeFiles(sandbox.root, start);
      await reboot();
    },
    async keep() {
      await reboot();
      start = readFiles(sandbox.root);
    },
    /** Truncates every file that differs from the factory state. */
    async tear() {
      const torn = [...readFiles(sandbox.root)].map(([name, bytes]): [string, Uint8Array] => {
        const made = factory.get(name);
        const isNew = made === undefined || Buffer.compare(made, bytes) !== 0;
        return [name, isNew ? bytes.subarray(0, bytes.length / 2) : bytes];
      });
      writeFiles(sandbox.root, new Map(torn));
    },
  };
}

/** Names and checksums, for comparisons and error messages. */
const shown = (files: Iterable<readonly [string, Uint8Array]>): string => {
  const named: Files = new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
  return [...named].map(([name, bytes]) => `${name} ${createHash("sha256").update(bytes).digest("hex")}`).join("\n");
};
