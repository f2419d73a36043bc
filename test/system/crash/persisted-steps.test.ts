import { afterAll, beforeAll, expect, test } from "vitest";
import { Random } from "../../../qemu/harness/random.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import { CrashDevice } from "./crash-device.ts";
import { instantsAfterSaves } from "./instants.ts";
import { type Decision, image, imageAndFile, imageWithScripts, type Kind, oneFile } from "./scenarios.ts";
import { Tally } from "./tally.ts";
import { volatileOf } from "./volatile.ts";

const SEED = Number(process.env["SWITCHBACK_CRASH_SEED"] ?? 20_260_110);
let program: BuiltProgram;
const tally = new Tally(`SIGKILL at each persisted step, seed ${SEED}`);
beforeAll(async () => {
  program = await BuiltProgram.build();
});
afterAll(() => tally.tell());

const UPDATES: readonly (readonly [Kind, Decision])[] = [
  [image, "commit"],
  [image, "rollback"],
  [imageWithScripts, "commit"],
  [imageWithScripts, "rollback"],
  [oneFile, "commit"],
  [oneFile, "rollback"],
  [imageAndFile, "commit"],
  [imageAndFile, "rollback"],
];

for (const [index, [kind, decision]] of UPDATES.entries()) {
  test(`killed at each persisted step of an update, the device recovers (${kind.name}, ${decision})`, async () => {
    const device = await CrashDevice.make(program, kind, { recoversHere: true });
    const runs = await device.rehearse(decision);
    for (const { calls } of runs)
      expect(volatileOf(calls, device.board.dir), "a command that has ended leaves nothing to lose").toEqual({
        writes: [],
        renames: [],
        contents: [],
      });
    const cuts = runs.flatMap(({ calls }, command) => instantsAfterSaves(calls).map((at) => ({ command, at })));
    expect(cuts.length).toBeGreaterThan(5);
    for (const [number, cut] of cuts.entries()) {
      const random = new Random(SEED + 1000 * index + number);
      await tally.add(`command ${cut.command} at ${cut.at.call} ${cut.at.nth}`, () =>
        device.survive(cut, decision, random),
      );
    }
    await device.remove();
  }, 900_000);
}
