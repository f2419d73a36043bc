import { afterAll, beforeAll, expect, test } from "vitest";
import { Random } from "../../../qemu/harness/random.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import { instantsAfterSaves, instantsInSaves } from "./instants.ts";
import { ManagedDevice } from "./managed-device.ts";
import { image, imageThatHangs, type Kind, oneFile } from "./scenarios.ts";
import { sideBySide } from "./side-by-side.ts";
import { Tally } from "./tally.ts";

const SEED = Number(process.env["SWITCHBACK_CRASH_SEED"] ?? 20_260_120);
let program: BuiltProgram;
const tally = new Tally(`SIGKILL at each persisted step of a deployment, seed ${SEED}`);
beforeAll(async () => {
  program = await BuiltProgram.build();
});
afterAll(() => tally.tell());

interface Steps {
  readonly kind: Kind;
  /** `saved`: killed before the state's work begins. `worked`: cut when the work is done and reported but not saved. */
  readonly when: "saved" | "worked";
  /** How many of the last steps to cut. The earlier steps are the same in each kind. */
  readonly last?: number;
}

const STEPS: readonly Steps[] = [
  { kind: image, when: "worked" },
  { kind: imageThatHangs, when: "saved", last: 12 },
  { kind: oneFile, when: "saved", last: 12 },
];
const INSTANTS = { saved: instantsInSaves, worked: instantsAfterSaves };

for (const [index, { kind, when, last = 1000 }] of STEPS.entries()) {
  test(`killed at each persisted step of a deployment (${kind.name}, ${when}), the device ends it and reports the truth`, async () => {
    const rehearsal = await ManagedDevice.make(program, kind, new Random(SEED), { agent: "poll" });
    const lives = await rehearsal.rehearse();
    await rehearsal.remove();
    const cuts = lives.flatMap(({ calls }, life) =>
      INSTANTS[when](calls).map((at) => ({ life, at, killed: when === "saved" })),
    );
    expect(cuts.length).toBeGreaterThan(15);
    await sideBySide(cuts.slice(-last), async (cut, number) => {
      const random = new Random(SEED + 1000 * index + number);
      const device = await ManagedDevice.make(program, kind, random, { agent: "poll", livesHere: true });
      await tally.add(`process ${cut.life} at ${cut.at.call} ${cut.at.nth}`, () => device.survive(cut, random));
      await device.remove();
    });
  }, 900_000);
}
