import { powerOn } from "../../../adapters/bootloader/fake/power-on.ts";
import type { SlotId } from "../../../src/ports/bootloader.ts";
import type { Image, World } from "./world.ts";

const PARTITIONS = { A: 2, B: 3 };
const FATES = { old: "up", new: "up", dead: "hangs", torn: "unloadable" } as const;

interface Start {
  /** The environment after each save. The power may fail after any of them. */
  readonly saves: readonly Env[];
  readonly up: SlotId | undefined;
}

type Env = Pick<World, "part" | "trial" | "count">;

const known = new Map<string, Start>();

/** What the firmware does in this world at power-on, by the virtual board's own rule. */
export function start(w: World): Start {
  const key = `${w.part}${w.trial}${w.count}${w.slots.A}${w.slots.B}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const { steps, outcome } = powerOn(variables(w), PARTITIONS, { A: FATES[w.slots.A], B: FATES[w.slots.B] });
  const saves = steps.flatMap((step) => (step.kind === "save" ? [asEnv(step.env)] : []));
  const started = { saves, up: outcome.kind === "up" ? outcome.slot : undefined };
  known.set(key, started);
  return started;
}

function variables(w: Env): Map<string, string> {
  const number = PARTITIONS[w.part];
  return new Map([
    ["mender_boot_part", String(number)],
    ["mender_boot_part_hex", number.toString(16)],
    ["upgrade_available", w.trial ? "1" : "0"],
    ["bootcount", String(w.count)],
    ["mender_saveenv_canary", "1"],
  ]);
}

function asEnv(env: ReadonlyMap<string, string>): Env {
  return {
    part: env.get("mender_boot_part") === "2" ? "A" : "B",
    trial: env.get("upgrade_available") === "1",
    count: Number(env.get("bootcount")),
  };
}

/** The world after the firmware has finished. */
export function powered(w: World): World {
  const { saves, up } = start(w);
  return { ...w, ...saves.at(-1), booted: up, agent: undefined, files: { ...w.files, running: w.files.software } };
}

/** The image that comes up within `attempts` power-ons without a further cut. */
export function comesUp(w: World, attempts: number): Image | undefined {
  const { up } = start(w);
  if (up !== undefined) return w.slots[up];
  const after = powered(w);
  return attempts > 1 ? comesUp(after, attempts - 1) : undefined;
}
