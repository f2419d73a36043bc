import { type ContractCheck, expectSame } from "./contract.ts";
import { type FailedRead, type FailingReadsRig, failEachRead } from "./failing-reads.ts";
import { act, download, EVERY_START, expectInstalled, fromStarts } from "./payload-handler.ts";
import type { PayloadStorageRig } from "./payload-storage.ts";

type Rig = PayloadStorageRig & FailingReadsRig;

const { signal } = new AbortController();

const answeredAs = (outcome: FailedRead<unknown>): string => ("answer" in outcome ? "succeeded" : "failed");

const PROMISES: readonly ContractCheck<Rig>[] = [
  {
    title: "if a read fails, NeedsArtifactReboot and SupportsRollback fail or give the same answers",
    async run(rig) {
      await download(rig);
      await act(rig, "ArtifactInstall");
      const ask = async () => [await rig.handler.needsReboot(signal), await rig.handler.supportsRollback(signal)];
      const expected = await ask();
      const same = async () => undefined;
      await failEachRead(rig, same, ask, async (outcome) => {
        if (!("answer" in outcome)) return;
        const what = `NeedsArtifactReboot and SupportsRollback, while reads of ${outcome.unread} fail`;
        expectSame(outcome.answer, expected, what);
      });
    },
  },
  {
    title: "if a read fails, ArtifactInstall fails or completes, and ArtifactRollback still works",
    async run(rig) {
      const before = await rig.installed();
      await download(rig);
      await act(rig, "ArtifactInstall");
      const after = await rig.installed();
      const arrange = async () => {
        await rig.reset();
        await download(rig);
      };
      const install = () => act(rig, "ArtifactInstall");
      await failEachRead(rig, arrange, install, async (outcome) => {
        const where = `ArtifactInstall ${answeredAs(outcome)} while reads of ${outcome.unread} failed`;
        if ("answer" in outcome) await expectInstalled(rig, after, where);
        if (!(await rig.handler.supportsRollback(signal))) return;
        await act(rig, "ArtifactRollback");
        await expectInstalled(rig, before, `${where}, then ArtifactRollback`);
      });
    },
  },
  {
    title: "if a read fails, ArtifactRollback fails or completes, and can be repeated",
    async run(rig) {
      const before = await rig.installed();
      await download(rig);
      if (!(await rig.handler.supportsRollback(signal))) return;
      const arrange = async () => {
        await rig.reset();
        await download(rig);
        await act(rig, "ArtifactInstall");
      };
      const rollBack = () => act(rig, "ArtifactRollback");
      await failEachRead(rig, arrange, rollBack, async (outcome) => {
        const where = `ArtifactRollback ${answeredAs(outcome)} while reads of ${outcome.unread} failed`;
        if ("answer" in outcome) await expectInstalled(rig, before, where);
        await act(rig, "ArtifactRollback");
        await expectInstalled(rig, before, `${where}, then ArtifactRollback again`);
      });
    },
  },
];

/** Promises for storage that cannot be read: a handler must fail instead of guessing. */
export const PAYLOAD_READ_CONTRACT: readonly ContractCheck<Rig>[] = fromStarts(PROMISES, EVERY_START);
