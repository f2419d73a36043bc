import type { Snapshot } from "../../../src/core/deployment/snapshot.ts";
import { begin } from "../../../src/core/deployment/snapshot.ts";
import type { EffectName, Outcome } from "../../../src/core/deployment/table.ts";
import type { SlotId } from "../../../src/ports/bootloader.ts";

/** Content of a slot. `dead`: complete and verified, but it never comes up. */
export type Image = "old" | "new" | "dead" | "torn";

/** What does not change during one exploration. */
export interface Setup {
  readonly title: string;
  readonly mode: Snapshot["mode"];
  /**
   * `module`: any other update module, which changes software in place. `both`: a root filesystem image, followed by a
   * payload for such a module. `empty`: a payload without content.
   */
  readonly payload: "rootfs" | "module" | "both" | "empty";
  readonly image: "new" | "dead";
  /** Answers of the payload, or of the module if there are both. */
  readonly rollback: boolean;
  readonly reboot: boolean;
}

/** Whether an interrupted download may resume. */
export const canResume = ({ mode, payload }: Setup): boolean => mode === "managed" && payload === "rootfs";
/** How often a download may resume in the model. */
export const MAX_RESUMES = 2;

export const hasSlots = ({ payload }: Setup): boolean => payload === "rootfs" || payload === "both";
export const hasFiles = ({ payload }: Setup): boolean => payload === "module" || payload === "both";

/** What a module has on the device. */
export interface Files {
  readonly tree: "none" | "partial" | "payload";
  readonly backup: boolean;
  readonly software: Image;
  /** The running software. Differs from `software` until the reboot, if one is needed. */
  readonly running: Image;
}

/** What the model remembers of the past in order to judge. The product does not know it. */
export interface History {
  /** The last effect that began, and how it ended. `gone`: the reboot happened. `cut`: unknown. `asked`: `rollback`. */
  readonly last: `${EffectName}:${Outcome | "gone" | "cut"}` | "asked" | "";
  /** Effects in `DECIDING` that ended with `ok` at least once, sorted. */
  readonly done: readonly EffectName[];
  /** Whether a failure has left it unclear what runs. */
  readonly damage: boolean;
  /** Whether, since the last rest, something has made the result a failure. */
  readonly trouble: boolean;
  readonly userRollback: boolean;
}

/** The slot to return to. `revert:`: a return that a rollback could not write and still owes. */
export type StoredOrigin = SlotId | `revert:${SlotId}` | undefined;

/** The whole device and its history. Everything except `agent` survives the process. */
export interface World {
  /** Running slot; `undefined` while the board is off or hangs. */
  readonly booted: SlotId | undefined;
  readonly part: SlotId;
  readonly trial: boolean;
  readonly count: number;
  readonly slots: Readonly<Record<SlotId, Image>>;
  readonly storedValue: StoredOrigin;
  readonly files: Files;
  readonly snapshot: Snapshot | undefined;
  readonly name: string;
  /** Result of the deployment, as the server knows it. */
  readonly told: "" | "success" | "failure";
  /** `--stop-before` of a process that has just saved `snapshot` and is about to run its effect. */
  readonly agent: string | undefined;
  /** Power cuts and killed processes so far. */
  readonly cuts: number;
  readonly history: History;
}

export const DECIDING: ReadonlySet<EffectName> = new Set(["commit", "rollback", "saveProvides", "cleanup"]);

export const NEW_NAME = "new";
export const BROKEN_NAME = "new_INCONSISTENT";

const NO_FILES: Files = { tree: "none", backup: false, software: "old", running: "old" };
const NO_HISTORY: History = { last: "", done: [], damage: false, trouble: false, userRollback: false };

const TYPES: Readonly<Record<Setup["payload"], (string | null)[]>> = {
  rootfs: ["rootfs-image"],
  module: ["module"],
  both: ["rootfs-image", "module"],
  empty: [null],
};

/** The world just after the Artifact's header is known and the first snapshot is saved. */
export function firstWorld(setup: Setup, stop: string, staleOrigin: StoredOrigin): World {
  const artifact = { name: NEW_NAME, provides: {}, payloadTypes: TYPES[setup.payload] };
  return {
    booted: "A",
    part: "A",
    trial: false,
    count: 0,
    slots: { A: "old", B: "torn" },
    storedValue: staleOrigin,
    files: NO_FILES,
    snapshot: begin(setup.mode, "id", artifact),
    name: "old",
    told: "",
    agent: stop,
    cuts: 0,
    history: NO_HISTORY,
  };
}

/**
 * The same end of an update as the server sees it. How the board got there, and its state (checked before), do not
 * affect the report.
 */
export function seenByServer(w: World, setup: Setup): World {
  const { snapshot, name, told, agent, cuts, history } = w;
  const artifact = firstWorld(setup, "none", undefined);
  const known = snapshot && { snapshot: { ...snapshot, transitions: 0 } };
  return { ...artifact, ...known, name, told, agent, cuts, history };
}

/** A board whose update is over. Its past does not affect a start that finds no update. */
export function afterTheEnd(w: World): World {
  return { ...w, snapshot: undefined, agent: undefined, told: "", history: NO_HISTORY };
}

/** Equal for worlds that behave alike from here on. */
export function keyOf(w: World): string {
  const s = w.snapshot;
  const { tree, backup, software, running } = w.files;
  const { last, done, damage, trouble, userRollback } = w.history;
  const place =
    s === undefined
      ? ""
      : `${s.state}/${s.phase}/${s.transitions}/${s.failed}/${s.inconsistent}/${s.rolledBack}/${s.download?.resumes}`;
  const board = `${w.booted}${w.part}${w.trial}${w.count}${w.slots.A}${w.slots.B}${w.storedValue}`;
  const past = `${last}|${done.join()}|${damage}${trouble}${userRollback}`;
  return `${board}|${tree}${backup}${software}${running}|${place}|${w.name}|${w.told}|${w.agent}|${w.cuts}|${past}`;
}

const MODES = ["managed", "standalone"] as const;

/** Every kind of update: the answers of the queries, the payloads, the images. */
export const SETUPS: readonly Setup[] = MODES.flatMap((mode) => [
  { title: `${mode} rootfs-image`, mode, payload: "rootfs", image: "new", rollback: true, reboot: true },
  {
    title: `${mode} rootfs-image that never comes up`,
    mode,
    payload: "rootfs",
    image: "dead",
    rollback: true,
    reboot: true,
  },
  ...[true, false].flatMap((rollback) =>
    [true, false].map((reboot): Setup => {
      const answers = `${rollback ? "" : " without rollback"}${reboot ? " with reboot" : ""}`;
      return { title: `${mode} module${answers}`, mode, payload: "module", image: "new", rollback, reboot };
    }),
  ),
  { title: `${mode} image and module`, mode, payload: "both", image: "new", rollback: true, reboot: true },
  {
    title: `${mode} image that never comes up and module`,
    mode,
    payload: "both",
    image: "dead",
    rollback: true,
    reboot: false,
  },
  {
    title: `${mode} image and module without rollback`,
    mode,
    payload: "both",
    image: "new",
    rollback: false,
    reboot: false,
  },
  { title: `${mode} empty payload`, mode, payload: "empty", image: "new", rollback: false, reboot: false },
]);
