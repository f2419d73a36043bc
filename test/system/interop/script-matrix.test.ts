import { afterAll, expect } from "vitest";
import { needs } from "../../support/needs.ts";
import { mender, RECORD, type Recorded, readRecord, ScriptRig, writeRecord } from "../../support/script-rig.ts";

const { test } = needs("namespaces", "mount");

/** `SWITCHBACK_RECORD=1 npx vitest run test/system/interop/script-matrix.test.ts` records every case anew. */
const isRecording = process.env["SWITCHBACK_RECORD"] !== undefined;
const SAMPLE: ReadonlySet<string> = new Set([
  "install commit: ArtifactCommit_Enter 1",
  "install: ArtifactInstall 1, ArtifactRollback 1",
  "install: ArtifactInstall 1, ArtifactFailure 1",
  "install: ArtifactInstall 1, ArtifactRollback 1, ArtifactFailure_Enter 21",
  "install rollback: ArtifactRollback_Leave 1",
]);
const fresh: Recorded[] = [];
afterAll(() => {
  if (isRecording) writeRecord(RECORD, fresh);
});

for (const recorded of readRecord(RECORD).filter(({ title }) => isRecording || SAMPLE.has(title))) {
  const { title, commands, answers, ran } = recorded;
  test(`${title}: the real client runs what stands in the record`, async () => {
    const rig = await ScriptRig.make();
    try {
      fresh.push({ ...recorded, ran: await rig.record(mender, commands, answers) });
      if (!isRecording) expect(fresh.at(-1)?.ran).toBe(ran);
    } finally {
      await rig.remove();
    }
  });
}
