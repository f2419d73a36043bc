import { afterAll, expect } from "vitest";
import { DAEMON_RECORD, DAEMON_RECORDED, DaemonScriptRig } from "../../support/daemon-script-rig.ts";
import { needs } from "../../support/needs.ts";
import { type Recorded, writeRecord } from "../../support/script-rig.ts";
import { realDaemon } from "./real-daemon.ts";

const { test } = needs("namespaces", "mount");

/** `SWITCHBACK_RECORD=1 npx vitest run test/system/interop/daemon-script-matrix.test.ts` records every case anew. */
const isRecording = process.env["SWITCHBACK_RECORD"] !== undefined;
const SAMPLE: ReadonlySet<string> = new Set([
  "daemon: NeedsArtifactReboot Yes, Sync_Leave 0 1",
  "daemon: NeedsArtifactReboot Yes, ArtifactReboot_Leave 1",
  "daemon: NeedsArtifactReboot Yes, ArtifactCommit 1, ArtifactRollbackReboot_Leave 1",
  "daemon: NeedsArtifactReboot Automatic, ArtifactCommit 1",
]);
const fresh = new Map<string, Recorded>();
afterAll(() => {
  if (isRecording) {
    const all = DAEMON_RECORDED.map((recorded) => fresh.get(recorded.title) ?? recorded);
    writeRecord(DAEMON_RECORD, all);
  }
});

for (const recorded of DAEMON_RECORDED.filter(({ title }) => isRecording || SAMPLE.has(title))) {
  const { title, answers, ran } = recorded;
  test.concurrent(`${title}: the real client runs what stands in the record`, async () => {
    const rig = await DaemonScriptRig.make();
    try {
      const really = await rig.record(realDaemon, answers);
      fresh.set(title, { ...recorded, ran: really });
      if (!isRecording) expect(really).toBe(ran);
    } finally {
      await rig.remove();
    }
  });
}
