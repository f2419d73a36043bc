import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, test } from "vitest";
import { Random } from "../../qemu/harness/random.ts";
import { BuiltProgram } from "../support/built-program.ts";
import { needs } from "../support/needs.ts";
import { CrashDevice } from "../system/crash/crash-device.ts";
import { type Kind, oneFile } from "../system/crash/scenarios.ts";
import { Tally } from "../system/crash/tally.ts";
import { docker } from "./docker-kind.ts";
import { deb, directory, rpm, script } from "./module-kinds.ts";

const SEED = Number(process.env["SWITCHBACK_CRASH_SEED"] ?? 20_260_111);
const CUTS = 4;

let program: BuiltProgram;
const tally = new Tally(`SIGKILL in updates by shipped modules, seed ${SEED}`);
beforeAll(async () => {
  program = await BuiltProgram.build();
});
afterAll(() => tally.tell());

const forever = new AbortController().signal;

const whereNeeded = new Map<Kind, typeof test>([
  [deb, needs("root").test],
  [docker, needs("containers").test],
]);

for (const [index, kind] of [oneFile, directory, script, deb, rpm, docker].entries()) {
  const testKind = whereNeeded.get(kind) ?? test;
  testKind(
    `the shipped module survives when it is killed together with the built program that runs it (${kind.name})`,
    async () => {
      const wholeMs = { commit: await rehearse(kind, "commit"), rollback: await rehearse(kind, "rollback") };
      for (let cut = 0; cut < CUTS; cut++) {
        const random = new Random(SEED + 100 * index + cut);
        const decision = cut % 2 === 0 ? "commit" : "rollback";
        const afterMs = random.below(Math.ceil(wholeMs[decision]));
        const device = await CrashDevice.make(program, kind, { recoversHere: true });
        const power = new AbortController();
        const timer = setTimeout(afterMs).then(() => power.abort());
        await tally.add(`seed ${SEED}, cut ${cut} after ${afterMs} ms (${kind.name}, ${decision})`, () =>
          device.survive({ power: power.signal }, decision, random),
        );
        await timer;
        await device.remove();
      }
    },
  );
}

/** @returns how long a whole update takes */
async function rehearse(kind: Kind, decision: "commit" | "rollback"): Promise<number> {
  const device = await CrashDevice.make(program, kind);
  const startMs = performance.now();
  await device.rehearse(decision, { power: forever });
  const tookMs = performance.now() - startMs;
  await device.remove();
  return tookMs;
}
