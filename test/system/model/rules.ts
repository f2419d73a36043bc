import { owesUndo } from "../../../adapters/payload/rootfs-image/handler.ts";
import type { Snapshot } from "../../../src/core/deployment/snapshot.ts";
import { type EffectName, MAX_TRANSITIONS } from "../../../src/core/deployment/table.ts";
import { comesUp, powered } from "./board.ts";
import type { Ending } from "./endings.ts";
import { BROKEN_NAME, type History, hasFiles, hasSlots, NEW_NAME, type Setup, type World } from "./world.ts";

/** A promise that the product broke in some world. */
export class Violation extends Error {}

function promise(kept: boolean, sentence: string): void {
  if (!kept) throw new Violation(sentence);
}

/** What may directly precede a call. */
const BEFORE: Readonly<Record<EffectName, readonly History["last"][]>> = {
  download: ["", "download:cut"],
  install: ["download:ok"],
  askReboot: ["install:ok"],
  reboot: ["askReboot:ok"],
  verifyReboot: ["reboot:gone", "reboot:cut", "reboot:ok"],
  reachServer: ["askReboot:no", "verifyReboot:ok"],
  commit: ["askReboot:no", "askReboot:hold", "reachServer:ok"],
  commitLeave: ["commit:ok", "commitLeave:cut"],
  askRollback: [
    ...(["install:fail", "install:cut", "askReboot:fail", "askReboot:cut"] as const),
    ...(["reboot:fail", "verifyReboot:fail", "verifyReboot:cut", "commit:fail", "commit:cut"] as const),
    ...(["reboot:abort", "reachServer:abort", "reachServer:fail", "reachServer:cut"] as const),
    "askRollback:cut",
  ],
  // `asked`: the command has asked the question itself.
  rollback: ["askRollback:ok", "asked", "rollback:cut"],
  askRollbackReboot: ["rollback:ok", "askRollbackReboot:cut"],
  rollbackReboot: ["askRollbackReboot:ok", "askRollbackReboot:fail", "verifyRollbackReboot:fail"],
  verifyRollbackReboot: [
    "rollbackReboot:gone",
    "rollbackReboot:cut",
    "rollbackReboot:fail",
    "rollbackReboot:ok",
    "verifyRollbackReboot:cut",
  ],
  failure: [
    "askRollback:no",
    "askRollback:fail",
    "rollback:fail",
    "askRollbackReboot:no",
    "verifyRollbackReboot:ok",
    "failure:cut",
  ],
  saveProvides: [
    ...(["download:no", "commitLeave:ok", "commitLeave:fail"] as const),
    ...(["failure:ok", "failure:fail", "saveProvides:cut"] as const),
  ],
  cleanup: [
    ...(["download:fail", "download:cut", "download:abort", "install:abort"] as const),
    ...(["saveProvides:ok", "cleanup:cut"] as const),
  ],
  reportResult: ["cleanup:ok", "cleanup:fail", "reportResult:cut"],
  sendLog: ["reportResult:ok", "sendLog:cut"],
};

const MANAGED_ONLY: ReadonlySet<EffectName> = new Set([
  "reboot",
  "verifyReboot",
  "rollbackReboot",
  "verifyRollbackReboot",
  "reachServer",
  "reportResult",
  "sendLog",
]);

/** Holds just before an effect begins. */
export function checkOrder(effect: EffectName, w: World, setup: Setup): void {
  const { last, damage } = w.history;
  const gaveUp = effect === "saveProvides" && damage && (w.snapshot?.transitions ?? 0) > MAX_TRANSITIONS;
  promise(BEFORE[effect].includes(last) || gaveUp, `${effect} does not follow ${last}`);
  promise(!(setup.mode === "standalone" && MANAGED_ONLY.has(effect)), `${effect} is none of a standalone update`);
  promise(
    effect !== "commit" || setup.mode === "standalone" || last === "reachServer:ok",
    "a commit before the server has been reached again",
  );
  const isResumed = effect === "download" && last !== "";
  promise(!isResumed || w.snapshot?.download !== undefined, "a download goes on that cannot be resumed");
  promise(
    w.told === "" || effect === "reportResult" || effect === "sendLog",
    `${effect} after the server was told the end`,
  );
}

/** The scripts that run before and after an effect, and after a failure. `ignored`: they damage but do not fail. */
interface Scripts {
  readonly enter?: string;
  readonly leave?: string;
  readonly error?: string;
  readonly ignored?: true;
}

const SCRIPTS: Readonly<Partial<Record<EffectName, Scripts>>> = {
  download: { enter: "Download_Enter", leave: "Download_Leave", error: "Download_Error" },
  install: { enter: "ArtifactInstall_Enter", leave: "ArtifactInstall_Leave", error: "ArtifactInstall_Error" },
  reboot: { enter: "ArtifactReboot_Enter", error: "ArtifactReboot_Error" },
  verifyReboot: { leave: "ArtifactReboot_Leave", error: "ArtifactReboot_Error" },
  commit: { enter: "ArtifactCommit_Enter", error: "ArtifactCommit_Error" },
  commitLeave: { leave: "ArtifactCommit_Leave", error: "ArtifactCommit_Error" },
  rollback: { enter: "ArtifactRollback_Enter", leave: "ArtifactRollback_Leave", ignored: true },
  rollbackReboot: { enter: "ArtifactRollbackReboot_Enter", ignored: true },
  verifyRollbackReboot: {
    leave: "ArtifactRollbackReboot_Leave",
    error: "ArtifactRollbackReboot_Error",
    ignored: true,
  },
  failure: { enter: "ArtifactFailure_Enter", leave: "ArtifactFailure_Leave", ignored: true },
};

const NO_SCRIPTS: Scripts = {};

/** What the server of a managed update hears first. */
const TOLD: Readonly<Partial<Record<EffectName, string>>> = {
  download: "tell downloading",
  install: "tell installing",
  reboot: "tell rebooting",
};

/** Holds for each row that has ended. */
export function checkScripts(effect: EffectName, ending: Ending, w: World, setup: Setup): void {
  const { outcome, damaged } = ending;
  if (outcome === undefined) return;
  const tell = setup.mode === "managed" ? TOLD[effect] : undefined;
  const [first, ...behind] = ending.ran;
  promise(tell === undefined || first === tell, `${effect} begins with ${first} where ${tell} is right`);
  const ran = tell === undefined ? ending.ran : behind;
  if (outcome === "abort") {
    promise(ran.length === 0 || effect === "reachServer" || effect === "reportResult", `${ran.join()} after an abort`);
    return;
  }
  const own = SCRIPTS[effect] ?? NO_SCRIPTS;
  const { leave, error, ignored } = own;
  const enter = w.snapshot?.download === undefined ? own.enter : undefined;
  const isFailed = (set: string | undefined): boolean => set !== undefined && ran.includes(`${set}!`);
  const told = (set: string | undefined): readonly string[] =>
    set === undefined ? [] : [isFailed(set) ? `${set}!` : set];
  const [entered, left] = [!isFailed(enter), !isFailed(leave)];
  const acts = entered || ignored === true;
  const goesOn = acts && (outcome !== "fail" || !left);
  const errors = ignored === true ? !entered || !left : !entered || outcome === "fail";
  const expected = [
    ...told(enter),
    ...(acts ? [`{${effect}}`] : []),
    ...(goesOn ? told(leave) : []),
    ...(errors ? told(error) : []),
  ];
  promise(ran.join() === expected.join(), `${effect} runs ${ran.join()} where ${expected.join()} is right`);
  const hasFailingSet = !entered || !left;
  promise(!hasFailingSet || ignored === true || outcome === "fail", "scripts fail and nothing follows from it");
  promise((damaged === true) === (hasFailingSet && ignored === true), "what failing scripts leave is not told");
}

/** Holds for each change that an effect makes to the world. */
export function checkChange(before: World, after: World): void {
  promise(before.told === "" || before.told === after.told, "the server is told one end and then another");
  for (const slot of ["A", "B"] as const) {
    const isWritten = before.slots[slot] !== after.slots[slot];
    promise(!isWritten || (before.booted !== slot && before.part !== slot), "a slot is written that boots or runs");
  }
  const isArmed = !before.trial && after.trial;
  promise(!isArmed || after.slots[after.part] !== "torn", "a slot is armed that holds no complete image");
  const isConfirmed = before.trial && !after.trial && before.part === after.part;
  promise(!isConfirmed || before.booted === before.part, "an image is confirmed that does not run");
  promise(!isConfirmed || before.history.last !== "reboot:gone", "an image is confirmed that nobody has verified");
}

/** Holds for each failed rollback: the slot from which the update started boots next, or its undo is owed. */
export function checkOwed(effect: EffectName, { outcome, world }: Ending, before: World): void {
  if (effect !== "rollback" || outcome !== "fail" || before.storedValue === undefined) return;
  const isBack = !world.trial && world.slots[world.part] === "old";
  promise(isBack || owesUndo(world.storedValue), "a rollback that could not be written is forgotten");
}

/** Holds after each start that finds no update, owes an undo, and can write it. */
export function checkUndone(w: World): void {
  promise(!owesUndo(w.storedValue), "a rollback that could not be written is not tried again");
  promise(!w.trial && w.slots[w.part] === "old", "an undo that was owed does not bring back the old image");
  promise(w.name === "old" || w.name === BROKEN_NAME, "an undo that was owed leaves a name that does not boot");
}

/** Holds in every world. */
export function checkWorld(w: World): void {
  promise(["old", "new"].includes(comesUp(w, 3) ?? ""), "no complete image comes up within three power-ons");
  const s = w.snapshot;
  promise(s === undefined || s.transitions <= MAX_TRANSITIONS + 10, "the update does not come to an end");
  const isBack = w.history.done.includes("rollback");
  promise(s === undefined || s.rolledBack === isBack, "the snapshot does not know what has been rolled back");
}

/** Whether the ended update has installed new software permanently. */
const isCommitted = ({ history: { done } }: World, setup: Setup): boolean =>
  done.includes(setup.payload === "empty" ? "saveProvides" : "commit") && !done.includes("rollback");

/** Holds when the update is over and its snapshot is gone. `last` is that snapshot. */
export function checkEnd(w: World, last: Snapshot, setup: Setup): void {
  if (setup.mode === "managed") {
    checkTold(w, isCommitted(w, setup));
    checkVerdict(w, last);
    return;
  }
  promise(w.history.last.startsWith("cleanup:"), "the last call is not Cleanup");
  checkDevice(w, last, setup);
}

/** Holds when only a report to the server, if there is one, is left to do. `last` is the update's snapshot. */
export function checkDevice(w: World, last: Snapshot, setup: Setup): void {
  const { history, files } = w;
  promise(
    w.name === (history.damage ? BROKEN_NAME : isCommitted(w, setup) ? NEW_NAME : "old"),
    "the recorded name is not what happened",
  );
  checkVerdict(w, last);
  promise(!(history.userRollback && w.name === NEW_NAME), "what the user rolled back is recorded as new");
  if (!history.damage) {
    const software = [...(hasSlots(setup) ? [w.slots[w.part]] : []), ...(hasFiles(setup) ? [files.software] : [])];
    const running = [
      ...(hasSlots(setup) ? [w.booted && w.slots[w.booted]] : []),
      ...(hasFiles(setup) ? [files.running] : []),
    ];
    const isNamed = (image: string | undefined): boolean => image === w.name;
    promise(software.every(isNamed), "the recorded name is not what boots next");
    // A user who rolls back, or installs what cannot be rolled back, decides when to reboot.
    promise(setup.mode === "standalone" || running.every(isNamed), "the recorded name is not what runs");
    promise(!w.trial, "a trial is pending and nobody knows of it");
    promise(w.storedValue === undefined || !history.done.includes("cleanup"), "the way back is remembered for ever");
  }
  const rested = powered(powered(w));
  promise(!rested.trial && rested.booted === rested.part, "the next update cannot start");
}

function checkVerdict({ history }: World, last: Snapshot): void {
  promise(last.inconsistent === history.damage, "the damage is not told");
  promise(last.failed === history.trouble, "the verdict is not what happened");
}

/** What the server knows when a managed update is over. */
function checkTold({ told, history, name }: World, isNew: boolean): void {
  const { last, trouble } = history;
  const isHeard = last === "reportResult:no" || last === "sendLog:ok" || last === "sendLog:fail";
  const isUnheard = last === "reportResult:fail" || last === "reportResult:abort";
  promise(isHeard || isUnheard, `a managed update ends with ${last}`);
  promise(!isHeard || told !== "", "a server that can be reached is not told the end");
  promise(told === "" || told === (trouble ? "failure" : "success"), "the server is not told the truth");
  promise(told !== "success" || (isNew && name === NEW_NAME), "a success without a commit");
  promise(last !== "reportResult:no" || told === "success", "a failure is told without its log");
}
