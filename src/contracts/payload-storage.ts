import { type ContractCheck, expectRefusal, expectThat } from "./contract.ts";
import { act, download, EVERY_START, expectInstalled, fromStarts, type PayloadRig } from "./payload-handler.ts";

interface PowerCut {
  /** The moment of the cut, as part of a sentence: "before syncing x". */
  readonly words: string;
  /** Leaves the storage as this loss of power would leave it; the caller then calls `reboot`. */
  leave(): Promise<void>;
}

/** A device whose storage the rig observes and whose power it can cut. */
export interface PayloadStorageRig extends PayloadRig {
  /** Runs `work` and records its changes. Cuts and failures apply to these changes. */
  watch(work: () => Promise<unknown>): Promise<void>;
  /** Reboots like `reboot` and drops all changes that are not durable. */
  losePower(): Promise<void>;
  /** Runs `work`, which must complete, and returns every moment in it at which the power may fail. */
  cuts(work: () => Promise<void>): Promise<readonly PowerCut[]>;
  /** Makes every change to the storage fail until `reset`. */
  failStorage(): void;
  reset(): Promise<void>;
}

const { signal } = new AbortController();

const PROMISES: readonly ContractCheck<PayloadStorageRig>[] = [
  {
    title: "an installed update survives a loss of power",
    async run(rig) {
      await rig.watch(async () => {
        await download(rig);
        await act(rig, "ArtifactInstall");
      });
      const after = await rig.installed();
      await rig.losePower();
      await expectInstalled(rig, after, "ArtifactInstall succeeded, then a power cut");
    },
  },
  {
    title: "ArtifactInstall reports an error when writes to storage fail",
    async run(rig) {
      await download(rig);
      rig.failStorage();
      const installing = rig.watch(() => act(rig, "ArtifactInstall"));
      await expectRefusal(installing, "ArtifactInstall while writes to storage fail");
    },
  },
  ...(["ArtifactInstall", "ArtifactRollback"] as const).map((action) => ({
    title: `after a power cut anywhere in ${action}, ArtifactRollback restores the previous state`,
    async run(rig: PayloadStorageRig): Promise<void> {
      await download(rig);
      if (!(await rig.handler.supportsRollback(signal))) return;
      await rig.reset();
      const before = await rig.installed();
      await rig.watch(() => download(rig));
      if (action === "ArtifactRollback") await rig.watch(() => act(rig, "ArtifactInstall"));
      const cuts = await rig.cuts(() => act(rig, action));
      expectThat(cuts.length > 0, `the handler reported success for ${action}, but the check saw no write`);
      for (const { words, leave } of cuts) {
        await leave();
        await rig.reboot();
        await act(rig, "ArtifactRollback");
        await expectInstalled(rig, before, `${action}, with the power cut ${words}, then ArtifactRollback`);
      }
    },
  })),
];

/** Promises about storage, for a rig that observes every write. */
export const PAYLOAD_STORAGE_CONTRACT: readonly ContractCheck<PayloadStorageRig>[] = fromStarts(PROMISES, EVERY_START);
