import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { createFileStore } from "../../adapters/store/file-store.ts";
import { STORE_CONTRACT, type StoreRig } from "../../src/contracts/store.ts";
import { createMemoryStore } from "../support/memory-store.ts";

interface DisposableRig extends StoreRig {
  dispose(): Promise<void>;
}

const RIGS: Readonly<Record<string, () => Promise<DisposableRig>>> = {
  "file store": async () => {
    const folder = await mkdtemp(join(tmpdir(), "store-"));
    const open = () => createFileStore(folder, () => undefined);
    return { store: open(), reopen: async () => open(), dispose: () => rm(folder, { recursive: true }) };
  },
  "memory store": async () => {
    const disk = new Map<string, string>();
    return {
      store: createMemoryStore(disk),
      reopen: async () => createMemoryStore(disk),
      dispose: async () => undefined,
    };
  },
};

for (const [name, makeRig] of Object.entries(RIGS)) {
  describe(name, () => {
    for (const check of STORE_CONTRACT) {
      test(check.title, async () => {
        const rig = await makeRig();
        try {
          await check.run(rig);
        } finally {
          await rig.dispose();
        }
      });
    }
  });
}
