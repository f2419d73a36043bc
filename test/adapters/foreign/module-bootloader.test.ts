import { expect, test } from "vitest";
import { createModuleBootloader } from "../../../adapters/foreign/module-bootloader.ts";
import type { AdapterContext, BootloaderAdapter } from "../../../src/ports/adapter.ts";

const { signal } = new AbortController();

/** A boot loader on storage that is read-only if `isReadOnly` says so; its module may be able to detect this. */
function moduleOn(storage: { isReadOnly: boolean }, tells: boolean) {
  const adapter: BootloaderAdapter = {
    protocol: 1,
    kind: "bootloader",
    name: "toy",
    create: () => ({
      booted: async () => "A",
      plan: async () => ({ slot: "A", trial: false }),
      arm: async () => undefined,
      confirm: async () => undefined,
      revert: async () => undefined,
      ...(tells && {
        async expectWritable() {
          if (storage.isReadOnly)
            throw Object.assign(new Error("/boot is mounted read-only"), { code: "BOOTENV_WRITE" });
        },
      }),
    }),
  };
  return createModuleBootloader(adapter, {} as AdapterContext);
}

test("a module that supports the request is asked whether its storage is writable, and others are not", async () => {
  const storage = { isReadOnly: false };
  const boot = await moduleOn(storage, true);
  await boot.expectWritable?.(signal);
  storage.isReadOnly = true;
  await expect(boot.expectWritable?.(signal)).rejects.toMatchObject({ code: "BOOTENV_WRITE" });
  expect((await moduleOn(storage, false)).expectWritable).toBeUndefined();
});
