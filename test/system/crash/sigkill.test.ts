import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Random } from "../../../qemu/harness/random.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import { CrashDevice } from "./crash-device.ts";
import { type Decision, image, imageAndFile, imageWithScripts, type Kind, oneFile } from "./scenarios.ts";
import { Tally } from "./tally.ts";

const SEED = Number(process.env["SWITCHBACK_CRASH_SEED"] ?? 20_260_101);
const CUTS = Number(process.env["SWITCHBACK_CRASH_CUTS"] ?? 100);
const CUTS_PER_TEST = 10;
const KINDS: readonly Kind[] = [image, imageWithScripts, oneFile, imageAndFile];
const DECISIONS: readonly Decision[] = ["commit", "commit", "rollback"];

let program: BuiltProgram;
const tally = new Tally(`SIGKILL at random, seed ${SEED}`);
interface Rehearsed {
  readonly device: CrashDevice;
  /** Duration of a whole update on this machine. */
  readonly wholeMs: number;
}
const rehearsed = new Map<Kind, Rehearsed>();

beforeAll(async () => {
  program = await BuiltProgram.build();
  const forever = new AbortController().signal;
  for (const kind of KINDS) {
    const device = await CrashDevice.make(program, kind, { feed });
    const startMs = performance.now();
    await device.rehearse("commit", { power: forever });
    rehearsed.set(kind, { device, wholeMs: performance.now() - startMs });
  }
});

afterAll(async () => {
  await tally.tell();
  for (const { device } of rehearsed.values()) await device.remove();
});

for (let first = 0; first < CUTS; first += CUTS_PER_TEST) {
  test(`killed at any instant, the board boots a complete system and can be updated (cuts ${first} to ${first + CUTS_PER_TEST - 1})`, async () => {
    for (let cut = first; cut < Math.min(CUTS, first + CUTS_PER_TEST); cut++) await cutOff(cut);
  });
}

test("most cuts killed a running program", () => {
  const kills = [...rehearsed.values()].reduce((total, { device }) => total + device.kills, 0);
  expect(kills).toBeGreaterThan(CUTS / 2);
});

async function cutOff(cut: number): Promise<void> {
  const random = new Random(SEED + cut);
  const [kind, decision] = [random.pick(KINDS), random.pick(DECISIONS)];
  const { device, wholeMs } = rehearsed.get(kind) ?? expect.fail(`${kind.name} is not rehearsed`);
  const afterMs = random.below(Math.ceil(wholeMs));
  const power = new AbortController();
  const timer = setTimeout(afterMs).then(() => power.abort());
  const which = `seed ${SEED}, cut ${cut} after ${afterMs} ms (${kind.name}, ${decision})`;
  await tally.add(which, () => device.survive({ power: power.signal }, decision, random));
  await timer;
}

/** As slow as a network, so that many cuts fall into the transfer. */
async function feed(stdin: NodeJS.WritableStream, artifact: Buffer): Promise<void> {
  const size = Math.ceil(artifact.length / 10);
  for (let at = 0; at < artifact.length; at += size) {
    stdin.write(artifact.subarray(at, at + size));
    await setTimeout(20);
  }
  stdin.end();
}
