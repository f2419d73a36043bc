import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, test } from "vitest";
import { Random } from "../../../qemu/harness/random.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import { ManagedDevice, type ManagedOptions } from "./managed-device.ts";
import { image, imageAndFile, imageThatHangs, type Kind, oneFile } from "./scenarios.ts";
import { sideBySide } from "./side-by-side.ts";
import { Tally } from "./tally.ts";

const SEED = Number(process.env["SWITCHBACK_CRASH_SEED"] ?? 20_260_130);
/** A deployment takes five times as long as an update from the command line, with an unwell server. */
const CUTS = Math.ceil(Number(process.env["SWITCHBACK_CRASH_CUTS"] ?? 100) / 5);
const CUTS_PER_TEST = 10;
const KINDS: readonly Kind[] = [image, image, imageAndFile, oneFile, imageThatHangs];
const AGENTS = ["poll", "poll", "daemon"] as const;
const MIB = 1024 * 1024;

let program: BuiltProgram;
const tally = new Tally(`SIGKILL at random in a deployment, seed ${SEED}`);
/** Duration of an undisturbed update of each kind on this machine. */
const wholeMs = new Map<Kind, number>();

beforeAll(async () => {
  program = await BuiltProgram.build();
  for (const kind of new Set(KINDS)) {
    const device = await ManagedDevice.make(program, kind, new Random(SEED), options("poll"));
    const startMs = performance.now();
    await device.rehearse();
    wholeMs.set(kind, performance.now() - startMs);
    await device.remove();
  }
});

afterAll(() => tally.tell());

for (let first = 0; first < CUTS; first += CUTS_PER_TEST) {
  test(`killed at any instant while its server is unwell, a device ends its deployment and reports the truth (cuts ${first} to ${first + CUTS_PER_TEST - 1})`, async () => {
    const cuts = Array.from({ length: Math.min(CUTS - first, CUTS_PER_TEST) }, (_, index) => first + index);
    await sideBySide(cuts, cutOff);
  });
}

async function cutOff(cut: number): Promise<void> {
  const random = new Random(SEED + cut);
  const [kind, agent] = [random.pick(KINDS), random.pick(AGENTS)];
  const afterMs = random.below(Math.ceil(wholeMs.get(kind) ?? 0));
  const device = await ManagedDevice.make(program, kind, random, options(agent));
  const power = new AbortController();
  const timer = setTimeout(afterMs).then(() => power.abort());
  const which = `seed ${SEED}, cut ${cut} after ${afterMs} ms (${kind.name}, ${agent})`;
  await tally.add(which, () => device.survive({ power: power.signal }, random));
  await timer;
  await device.remove();
}

/** As slow as a network, so that many cuts fall into the transfer. */
const options = (agent: ManagedOptions["agent"]): ManagedOptions => ({ agent, bytesPerSecond: 6 * MIB });
