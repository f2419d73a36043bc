import { expect, test } from "vitest";
import { ours, RECORD, readRecord, ScriptRig } from "../../support/script-rig.ts";

const RECORDED = readRecord(RECORD);

/**
 * At the end of a rollback that the user requested, only the newest client calls ArtifactFailure. Our agent does the
 * same.
 */
const ALSO_FAILURE: ReadonlySet<string> = new Set([
  "install rollback: all succeed",
  "install rollback: ArtifactRollback_Enter 21",
  "install rollback: ArtifactRollback_Leave 21",
]);
const FAILURE = "ArtifactFailure_Enter ArtifactFailure ArtifactFailure_Leave";

for (const { title, commands, answers, ran } of RECORDED) {
  test.concurrent(`${title}: the same scripts and calls run as in the real client`, async () => {
    const rig = await ScriptRig.make();
    try {
      const expected = ALSO_FAILURE.has(title) ? ran.replace(/ Cleanup =0$/, ` ${FAILURE} Cleanup =0`) : ran;
      expect(await rig.record(ours, commands, answers)).toBe(expected);
    } finally {
      await rig.remove();
    }
  });
}

test("the record has each script with each answer that it may give", () => {
  const states = ["Download", "ArtifactInstall", "ArtifactCommit", "ArtifactRollback", "ArtifactFailure"];
  // After a rollback or a failure, no error occurs that would run Error scripts.
  const actions = (state: string) =>
    /Rollback|Failure/.test(state) ? ["Enter", "Leave"] : ["Enter", "Leave", "Error"];
  const scripts = states.flatMap((state) => actions(state).map((action) => `${state}_${action}`));
  const answered = new Set(RECORDED.flatMap(({ answers }) => answers));
  for (const script of scripts) {
    for (const answer of [1, 21]) expect(answered).toContain(`${script} ${answer}`);
    expect(RECORDED.some(({ answers, ran }) => ran.includes(script) && !answers.join().includes(script))).toBe(true);
  }
});
