import { type ContractCheck, expectSame } from "./contract.ts";
import { type FailedRead, type FailingReadsRig, failEachRead } from "./failing-reads.ts";
import { act, download, EVERY_START, expectInstalled, fromStarts } from "./payload-handler.ts";
import type { PayloadStorageRig } from "./payload-storage.ts";

type Rig = PayloadStorageRig & FailingReadsRig;

const { signal } = new AbortController();

const answeredAs = (outcome: FailedRead<unknown>): string => ("answer" in outcome ? "done" : "failed");

const PROMISES: readonly ContractCheck<Rig>[] = [
  {
    title: "the answers about reboot and rollback fail when something cannot be read, or are the same",
    async run(rig) {
      await download(rig);
      await act(rig, "ArtifactInstall");
      const ask = async () => [await rig.handler.needsReboot(signal), await rig.handler.supportsRollback(signal)];
      const expected = await ask();
      const same = async () => undefined;
      await failEachRead(rig, same, ask, async (outcome) => {
        if (!("answer" in outcome)) return;
        const what = `NeedsArtifactReboot and SupportsRollback, while ${outcome.unread} cannot be read`;
        expectSame(outcome.answer, expected, what);
      });
    },
  },
  {
    title: "installing fails when something cannot be read, or is done whole, and leaves the way back",
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
        const where = `ArtifactInstall, while ${outcome.unread} could not be read, was answered as ${answeredAs(outcome)}`;
        if ("answer" in outcome) await expectInstalled(rig, after, where);
        if (!(await rig.handler.supportsRollback(signal))) return;
        await act(rig, "ArtifactRollback");
        await expectInstalled(rig, before, `${where}, and then ArtifactRollback`);
      });
    },
  },
  {
    title: "rolling back fails when something cannot be read, or is done whole, and can be repeated",
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
        const where = `ArtifactRollback, while ${outcome.unread} could not be read, was answered as ${answeredAs(outcome)}`;
        if ("answer" in outcome) await expectInstalled(rig, before, where);
        await act(rig, "ArtifactRollback");
        await expectInstalled(rig, before, `${where}, and then ArtifactRollback again`);
      });
    },
  },
];

/** Promises for storage that cannot be read: a handler must fail instead of guessing. */
export const PAYLOAD_READ_CONTRACT: readonly ContractCheck<Rig>[] = fromStarts(PROMISES, EVERY_START);
