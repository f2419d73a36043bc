import type { Busy } from "../downloads/budgets.ts";
import { holds } from "../filters/evaluate.ts";
import { rankOf } from "../rollout/state.ts";
import type {
  Answer,
  AnswerCode,
  Facts,
  Membership,
  ReleasedArtifact,
  Row,
  RunningDeployment,
  Taken,
  Waiting,
} from "./facts.ts";

/**
 * Chooses what a device gets. What it has begun comes first. Then it takes the running deployments in their order; those
 * that have nothing for the device are ended for it, and those in which it waits do not hold others up.
 *
 * @param running in the order in which devices take them
 * @param rows what the device has to do with each of them so far
 * @param full rollouts in which there is no place now
 * @param busy why no download of a deployment may begin now
 */
export function select<D extends RunningDeployment>(
  facts: Facts,
  member: Membership,
  running: readonly D[],
  rows: ReadonlyMap<string, Row>,
  full: ReadonlySet<string> = NONE,
  busy: (deployment: D) => Busy | undefined = () => undefined,
): Answer<D> {
  const ended: Taken[] = [];
  let code: AnswerCode = running.length === 0 ? "NOTHING_RUNNING" : "NOT_IN_TARGET";
  let about: string | undefined;
  let isWaiting = false;
  for (const deployment of rows.size === 0 ? running : begunFirst(running, rows)) {
    const { id } = deployment;
    const verdict = judge(facts, member, deployment, rows.get(id), full.has(id), () => busy(deployment));
    if (verdict.kind === "offer") return { ...verdict, code: "OFFERED", deployment, ended };
    if (verdict.kind === "conflict") return { ...verdict, deployment, ended };
    if (verdict.kind === "end") ended.push({ deployment: id, status: verdict.status, reason: verdict.code });
    // What a device waits for explains best why it got nothing.
    if (verdict.code === "NOT_IN_TARGET" || isWaiting) continue;
    isWaiting = verdict.kind === "wait";
    code = verdict.code;
    about = id;
  }
  return { kind: "nothing", code, about, ended };
}

const NONE: ReadonlySet<string> = new Set();

function begunFirst<D extends RunningDeployment>(running: readonly D[], rows: ReadonlyMap<string, Row>): readonly D[] {
  const hasBegun = ({ id }: D): boolean => rows.get(id)?.isFinal === false;
  return [...running.filter(hasBegun), ...running.filter((one) => !hasBegun(one))];
}

type Verdict =
  | { readonly kind: "offer"; readonly artifact: ReleasedArtifact; readonly isNew: boolean }
  | { readonly kind: "conflict"; readonly code: "REQUEST_CHANGED"; readonly status: "failure" }
  | { readonly kind: "conflict"; readonly code: "INSTALLED_UNREPORTED"; readonly status: "success" }
  | { readonly kind: "end"; readonly status: Taken["status"]; readonly code: Taken["reason"] }
  | { readonly kind: "wait"; readonly code: Waiting }
  | { readonly kind: "skip"; readonly code: "FINISHED" | "NOT_IN_TARGET" | "OLDER_THAN_FINISHED" };

function judge(
  facts: Facts,
  member: Membership,
  deployment: RunningDeployment,
  row: Row | undefined,
  isFull: boolean,
  busy: () => Busy | undefined,
): Verdict {
  if (row?.isFinal === true) return { kind: "skip", code: "FINISHED" };
  // An attempt that has begun: the device gets the same answer again.
  if (row?.artifact !== undefined) {
    const hasChanged = isOther(row.artifactName, facts.artifactName) || isOther(row.deviceType, facts.deviceType);
    if (hasChanged && facts.artifactName === deployment.artifactName)
      return { kind: "conflict", code: "INSTALLED_UNREPORTED", status: "success" };
    if (hasChanged) return { kind: "conflict", code: "REQUEST_CHANGED", status: "failure" };
    const same = deployment.artifacts.find(({ id }) => id === row.artifact);
    if (same !== undefined) return { kind: "offer", artifact: same, isNew: false };
  } else if (row === undefined) {
    if (!reaches(deployment, member)) return { kind: "skip", code: "NOT_IN_TARGET" };
    if (deployment.seq <= member.finishedSeq)
      return deployment.gate === undefined
        ? { kind: "skip", code: "OLDER_THAN_FINISHED" }
        : { kind: "end", status: "aborted", code: "SUPERSEDED" };
    const code = waitsFor(deployment, member) ?? (isFull ? "WAITS_FOR_PLACE" : undefined);
    if (code !== undefined) return { kind: "wait", code };
  }
  if (facts.artifactName === deployment.artifactName && !deployment.forceInstallation)
    return { kind: "end", status: "already-installed", code: "ALREADY_INSTALLED" };
  const ofType = deployment.artifacts.filter(({ deviceTypes }) => deviceTypes.includes(facts.deviceType));
  const [artifact] = ofType.filter(({ depends }) => isMet(depends, facts)).toSorted(mostSpecificFirst);
  // One that has begun has its place, and does not wait again.
  const isBusy = artifact !== undefined && row === undefined ? busy() : undefined;
  if (isBusy !== undefined) return { kind: "wait", code: isBusy };
  if (artifact !== undefined) return { kind: "offer", artifact, isNew: true };
  const code = deployment.artifacts.length === 0 ? "NO_ARTIFACT" : ofType.length === 0 ? "DEVICE_TYPE" : "DEPENDS";
  return { kind: "end", status: "noartifact", code };
}

const isOther = (before: string | undefined, now: string): boolean => before !== undefined && before !== now;

/** What a device waits for that has not begun a rollout. */
export function waitsFor(
  { id, gate }: Pick<RunningDeployment, "id" | "gate">,
  { device, group }: Pick<Membership, "device" | "group">,
): Waiting | undefined {
  if (gate === undefined) return undefined;
  if (gate.closed !== undefined) return gate.closed;
  if (gate.below >= 1 || (group !== undefined && gate.groups.has(group))) return undefined;
  return rankOf(id, device) < gate.below ? undefined : "WAITS_FOR_WAVE";
}

/** Whether a deployment is for a device that has nothing to do with it yet. */
function reaches({ id, target, createdAt }: RunningDeployment, member: Membership): boolean {
  switch (target.kind) {
    case "all":
      return member.acceptedAt !== undefined && member.acceptedAt <= createdAt;
    case "group":
      return (
        member.acceptedAt !== undefined &&
        member.acceptedAt <= createdAt &&
        member.group === target.group &&
        member.groupSince !== undefined &&
        member.groupSince <= createdAt
      );
    case "filter":
      return member.acceptedAt !== undefined && member.known !== undefined && holds(target.predicate, member.known);
    case "list":
      return member.listedIn.has(id);
    case "updated":
      return (
        member.acceptedAt !== undefined && member.acceptedAt <= createdAt && member.updatedIn.has(target.deployment)
      );
  }
}

/** The device must have each key, with one of the values. */
function isMet(depends: ReleasedArtifact["depends"], { artifactName, deviceType, provides }: Facts): boolean {
  const all = new Map(Object.entries({ ...provides, artifact_name: artifactName, device_type: deviceType }));
  return Object.entries(depends).every(([key, values]) => {
    const value = all.get(key);
    return value !== undefined && values.includes(value);
  });
}

/** An artifact that depends on more is made for fewer devices: a delta rather than the whole. Then the newest. */
const mostSpecificFirst = (a: ReleasedArtifact, b: ReleasedArtifact): number =>
  Object.keys(b.depends).length - Object.keys(a.depends).length || b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1);
