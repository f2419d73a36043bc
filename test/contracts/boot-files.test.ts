import { describe, expect, test } from "vitest";
import { BOOTLOADER_CONTRACT } from "../../src/contracts/bootloader.ts";
import { BOOTLOADER_CUT_CHECKS } from "../../src/contracts/bootloader-cuts.ts";
import { BOOTLOADER_STORAGE_CONTRACT, type StorageRig } from "../../src/contracts/bootloader-storage.ts";
import type { ContractCheck } from "../../src/contracts/contract.ts";
import type { FileActs } from "../../src/ports/files.ts";
import { type BootFileOptions, makeSystemdBootRig, type SpoilBoot } from "./boot-file-rigs.ts";
import { trybootRig } from "./tryboot-rig.ts";
import { FOLDER_LOSSES } from "./volatile-folder.ts";

const makeTrybootRig = trybootRig({ mailbox: false, tells: false });
const makeMailboxRig = trybootRig({ mailbox: true, tells: true });
const RIGS = {
  "systemd-boot": makeSystemdBootRig,
  "rpi-tryboot": makeTrybootRig,
  "rpi-tryboot with a mailbox, on firmware that reports the flag": makeMailboxRig,
};
const CHECKS: readonly ContractCheck<StorageRig>[] = [...BOOTLOADER_CONTRACT, ...BOOTLOADER_STORAGE_CONTRACT];

for (const [kind, makeRig] of Object.entries(RIGS)) {
  for (const loss of FOLDER_LOSSES) {
    describe(`${kind}, unsynced names: ${loss}`, () => {
      // Only a power cut gives a choice of losses.
      for (const check of loss === "all lost" ? CHECKS : BOOTLOADER_CUT_CHECKS) {
        test(check.title, async () => {
          const rig = await makeRig({ loss });
          try {
            await check.run(rig);
          } finally {
            await rig.dispose();
          }
        });
      }
    });
  }
}

for (const [what, board] of [
  ["a mailbox, on firmware that does not report the flag", { mailbox: true, tells: false }],
  ["firmware that reports the flag, without a mailbox", { mailbox: false, tells: true }],
] as const) {
  describe(`rpi-tryboot with ${what}`, () => {
    for (const check of CHECKS) {
      test(check.title, async () => {
        const rig = await trybootRig(board)();
        try {
          await check.run(rig);
        } finally {
          await rig.dispose();
        }
      });
    }
  });
}

describe("rpi-tryboot, with a flag that survives a watchdog reset", () => {
  for (const loss of FOLDER_LOSSES) {
    for (const check of BOOTLOADER_CUT_CHECKS) {
      test(`${check.title.replace("power cut", "reset")}, unsynced names: ${loss}`, async () => {
        const rig = await makeMailboxRig({ loss });
        try {
          // Such a reset loses the page cache, but the firmware keeps its registers.
          await check.run({ ...rig, powerCycle: rig.losePower });
        } finally {
          await rig.dispose();
        }
      });
    }
  }
});

/** Titles of the checks that fail. */
async function broken(makeRig: typeof makeTrybootRig, options: BootFileOptions, checks = CHECKS) {
  const titles: string[] = [];
  for (const check of checks) {
    const rig = await makeRig(options);
    try {
      await check.run(rig);
    } catch {
      // ignored: this is the failure that is looked for.
      titles.push(check.title);
    } finally {
      await rig.dispose();
    }
  }
  return titles;
}

test("the check finds a boot loader that omits its reboot argument", async () => {
  const spoil: SpoilBoot = ({ rebootArgument: _, ...boot }) => boot;
  expect(await broken(makeTrybootRig, { spoil })).toContain("the next reboot starts the armed slot, still on trial");
  expect(await broken(makeSystemdBootRig, { spoil })).toEqual([]);
  expect(await broken(makeMailboxRig, { spoil }), "the flag is set already").toEqual([]);
});

/** Files whose folder is synced only for the first `syncs` changes of a rig. */
const lazyFiles =
  (syncs: number): ((files: FileActs) => FileActs) =>
  (files) => {
    let left = syncs;
    return {
      ...files,
      async syncFolder(path) {
        left -= 1;
        if (left >= 0) await files.syncFolder(path);
      },
    };
  };

// With a mailbox, the cleared flag alone makes the old file ineffective.
for (const [kind, makeRig] of Object.entries({ "systemd-boot": makeSystemdBootRig, "rpi-tryboot": makeTrybootRig })) {
  for (const [change, syncs] of [
    ["arming", 0],
    ["confirming", 1],
    ["reverting before the reboot", 1],
  ] as const) {
    test(`the check finds that ${kind} does not sync its folder after ${change}`, async () => {
      const title = `${change} is durable once the adapter reports success`;
      expect(await broken(makeRig, { spoilFiles: lazyFiles(syncs) }, BOOTLOADER_STORAGE_CONTRACT)).toContain(title);
    });
  }
}
