import { setTimeout } from "node:timers/promises";
import { type AgentAnswer, type EnvironmentWatcher, otherSlot, type Slot, type TestedDevice } from "./device.ts";
import { Random } from "./random.ts";

/** What came of one update whose power was cut. */
interface CutRecord {
  /** What the update was doing. */
  readonly during: string;
  readonly end: "old" | "new";
  /** The slot that runs in the end, after the update that nobody disturbed. */
  readonly slot: Slot;
}

export interface CutStatistics {
  readonly records: readonly CutRecord[];
  /** Each with what was wrong. */
  readonly broken: readonly string[];
}

export interface CutOptions {
  readonly cuts: number;
  readonly seed: number;
  /** Receives a line for each cut. */
  tell(line: string): void;
  /** Looks at the device after each start, and again when it rests. Throws if something is wrong. */
  check?(isAtRest: boolean): Promise<void>;
}

/** Every third cut waits for a copy of the environment to be written: by chance none would ever fall there. */
const ENVIRONMENT_EVERY = 3;
/** A copy takes longer to be written than this. */
const WITHIN_COPY_MS = 12;
/** After so many starts, a device must have come to rest. */
const MAX_STARTS = 3;
/** The exit status of agents that have no update in progress. */
const NOTHING_TO_DO = 2;

/** When the power fails: so long after the update began, or after a copy of the environment began to be written. */
type Instant = { readonly atMs: number } | { readonly copy: number; readonly afterMs: number };

/**
 * Cuts the power at seeded instants over a whole update: while the image is written, while the environment is, at the
 * reboot, in the trial, at the commit. After each cut, the device starts until it rests. It must then take an update that
 * nobody disturbs.
 *
 * @param slot that runs, with no update pending
 */
export async function cutPower(device: TestedDevice, slot: Slot, options: CutOptions): Promise<CutStatistics> {
  const { cuts, seed, tell } = options;
  const random = new Random(seed);
  const updates = new Updates(device, slot);
  const records: CutRecord[] = [];
  const broken: string[] = [];
  const watch = device.watchEnvironment();
  const start = performance.now();
  await updates.run();
  const wholeMs = Math.round(performance.now() - start);
  const copies = watch?.stop() ?? 0;
  const written = watch === undefined ? "" : ` and writes ${copies} copies of the environment`;
  tell(`a whole update takes ${(wholeMs / 1000).toFixed(0)} s${written}`);
  for (let cut = 1; cut <= cuts; cut++) {
    const instant: Instant =
      copies > 0 && cut % ENVIRONMENT_EVERY === 0
        ? { copy: 1 + random.below(copies), afterMs: random.below(WITHIN_COPY_MS) }
        : { atMs: random.below(wholeMs) };
    const old = updates.slot;
    const during = await cutUpdate(device, updates, instant);
    try {
      const rested = await rest(device, options);
      updates.restsOn(rested);
      const end = rested === old ? "old" : "new";
      tell(`cut ${cut} of ${cuts} at ${JSON.stringify(instant)}, ${during}: rests on the ${end} system`);
      // If the offered system did not make it, part of it is in the slot already.
      await updates.run();
      records.push({ during, end, slot: updates.slot });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      broken.push(`cut ${cut} at ${JSON.stringify(instant)}, ${during}: ${reason}`);
      tell(`BROKEN: ${broken.at(-1)}`);
      break;
    }
  }
  return { records, broken };
}

/** Whole updates by command, each with another content than the slot that it goes into. */
class Updates {
  readonly #device: TestedDevice;
  readonly #contents: Partial<Record<Slot, number>> = {};
  #slot: Slot;
  #offered = 0;
  /** What the current one does. */
  during = "";

  constructor(device: TestedDevice, slot: Slot) {
    this.#device = device;
    this.#slot = slot;
  }

  /** The slot that runs between updates. */
  get slot(): Slot {
    return this.#slot;
  }

  restsOn(slot: Slot): void {
    this.#contents[otherSlot(this.#slot)] = this.#offered;
    this.#slot = slot;
  }

  /** Chooses the content of the next update. */
  async prepare(): Promise<void> {
    const target = otherSlot(this.#slot);
    const held = Object.values(this.#contents);
    const all = Array.from({ length: this.#device.artifacts }, (_, index) => index);
    const fresh = all.find((index) => !held.includes(index));
    this.#offered = fresh ?? all.find((index) => index !== this.#contents[target]) ?? 0;
    // An agent need not write what is in the slot already.
    if (this.#offered === this.#contents[target]) await this.#device.wipe(target);
  }

  /** Installs, reboots and commits. @throws {Error} if a step fails */
  async run(): Promise<void> {
    await this.prepare();
    await this.undertake();
    this.restsOn(otherSlot(this.#slot));
  }

  async undertake(): Promise<void> {
    const wanted = otherSlot(this.#slot);
    this.during = "installing";
    expectDone("install", await this.#device.install(this.#offered));
    this.during = "rebooting into the new system";
    const up = await this.#device.reboot();
    if (up !== wanted) throw new Error(`slot ${up} is up instead of ${wanted}`);
    this.during = "committing";
    expectDone("commit", await this.#device.commit());
  }
}

function expectDone(what: string, { code, text }: AgentAnswer): void {
  if (code !== 0) throw new Error(`${what} ended with ${code}: ${text}`);
}

/** @returns what the update was doing when the power failed */
async function cutUpdate(device: TestedDevice, updates: Updates, instant: Instant): Promise<string> {
  await updates.prepare();
  const watch = "copy" in instant ? device.watchEnvironment() : undefined;
  const updating = updates.undertake().then(
    () => undefined,
    () => undefined, // ignored: the power failed under it.
  );
  await Promise.race([waited(instant, watch), updating]);
  const { during } = updates;
  await device.cutPower();
  watch?.stop();
  await updating;
  return "copy" in instant ? `${during}, in a copy of the environment` : during;
}

async function waited(instant: Instant, watch: EnvironmentWatcher | undefined): Promise<void> {
  if ("copy" in instant) await watch?.written(instant.copy);
  await setTimeout("copy" in instant ? instant.afterMs : instant.atMs);
}

/** Switches on until no update is pending. @returns the slot that the device rests on @throws when a rule is broken */
async function rest(device: TestedDevice, { check }: CutOptions): Promise<Slot> {
  for (let starts = 1; starts <= MAX_STARTS; starts++) {
    const slot = await device.powerOn();
    await check?.(false);
    // The first answer ends what is pending, and the second one shows that nothing is.
    const ended = [(await device.commit()).code, (await device.commit()).code];
    const choice = await device.bootChoice();
    const isChosen = choice === undefined || (!choice.trial && choice.slot === slot);
    if (ended[1] === NOTHING_TO_DO && isChosen) {
      await check?.(true);
      return slot;
    }
    await device.cutPower();
  }
  throw new Error(`after ${MAX_STARTS} starts, the device has not come to rest`);
}

const ended = (records: readonly CutRecord[], end: CutRecord["end"]): number =>
  records.filter((record) => record.end === end).length;

export const cutLine = ({ records, broken }: CutStatistics): string =>
  `${records.length + broken.length} power cuts: ${ended(records, "new")} rest on the new system, ` +
  `${ended(records, "old")} on the old one, ${broken.length} broken`;

/** What the updates were doing when the power failed, and where they ended. */
export function duringTable({ records }: CutStatistics): string {
  const places = [...new Set(records.map(({ during }) => during))].toSorted();
  const rows = places.map((place) => {
    const there = records.filter(({ during }) => during === place);
    return `| ${place} | ${there.length} | ${ended(there, "new")} | ${ended(there, "old")} |`;
  });
  return ["| Cut while | number | new system | old system |", "| --- | --- | --- | --- |", ...rows].join("\n");
}
