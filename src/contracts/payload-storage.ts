import assert from "node:assert/strict";
import { type ContractCheck, completes } from "./contract.ts";
import { act, download, fromStarts, type PayloadRig, WHOLE_STARTS } from "./payload-handler.ts";

/** A device whose storage can be watched, and whose power can be cut. */
export interface PayloadStorageRig extends PayloadRig {
  /** What `work` changes is what the cut and the failure are about. */
  watch(work: () => Promise<unknown>): Promise<void>;
  /** As `reboot`, with all lost that was not made durable. */
  losePower(): Promise<void>;
  /** The power fails in the `act`-th durable act of the next `watch`, counted from 1; that rejects. */
  cutPowerAt(act: number, moment: "before" | "during" | "after"): void;
  /** From now until `reset`, every change of what is stored fails. */
  failStorage(): void;
  reset(): Promise<void>;
}

const { signal } = new AbortController();
/** More than any action needs: one that fails by itself would be cut for ever. */
const MAX_ACTS = 1000;

const PROMISES: readonly ContractCheck<PayloadStorageRig>[] = [
  {
    title: "what was installed survives a loss of power",
    async run(rig) {
      await rig.watch(async () => {
        await download(rig);
        await act(rig, "ArtifactInstall");
      });
      const after = await rig.installed();
      await rig.losePower();
      assert.equal(await rig.installed(), after);
    },
  },
  {
    title: "installing fails when nothing can be stored, and says so",
    async run(rig) {
      await download(rig);
      rig.failStorage();
      await assert.rejects(
        rig.watch(() => act(rig, "ArtifactInstall")),
        "it was answered as done",
      );
    },
  },
  ...(["ArtifactInstall", "ArtifactRollback"] as const).map((action) => ({
    title: `a power cut anywhere in ${action} leaves a way back to what was there before`,
    async run(rig: PayloadStorageRig): Promise<void> {
      await download(rig);
      if (!(await rig.handler.supportsRollback(signal))) return;
      await expectToComplete(rig, action);
      let number = 1;
      while (await cutAt(rig, action, number)) {
        number += 1;
        assert.ok(number < MAX_ACTS, `${action} fails after its last durable act as well`);
      }
      assert.ok(number > 1, "the action has no durable act that the check can see");
    },
  })),
];

/** Promises about storage, for a rig that can see what happens to it. */
export const PAYLOAD_STORAGE_CONTRACT: readonly ContractCheck<PayloadStorageRig>[] = fromStarts(PROMISES, WHOLE_STARTS);

/** What fails without a power cut would be taken for cut, again and again. */
async function expectToComplete(rig: PayloadStorageRig, action: "ArtifactInstall" | "ArtifactRollback"): Promise<void> {
  await rig.reset();
  await rig.watch(() => download(rig));
  if (action === "ArtifactRollback") await rig.watch(() => act(rig, "ArtifactInstall"));
  await rig.watch(() => act(rig, action));
}

/** @returns whether the action has an act of that number */
async function cutAt(
  rig: PayloadStorageRig,
  action: "ArtifactInstall" | "ArtifactRollback",
  number: number,
): Promise<boolean> {
  for (const moment of ["before", "during", "after"] as const) {
    await rig.reset();
    const before = await rig.installed();
    await rig.watch(() => download(rig));
    if (action === "ArtifactRollback") await rig.watch(() => act(rig, "ArtifactInstall"));
    rig.cutPowerAt(number, moment);
    if (await completes(rig.watch(() => act(rig, action)))) return false;
    await rig.reboot();
    await act(rig, "ArtifactRollback");
    assert.equal(await rig.installed(), before, `cut ${moment} act ${number}, and rolled back`);
  }
  return true;
}
