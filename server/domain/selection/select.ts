import type {
  Answer,
  AnswerCode,
  Facts,
  Membership,
  ReleasedArtifact,
  Row,
  RunningDeployment,
  Taken,
} from "./facts.ts";

/**
 * Chooses what a device gets. Takes the running deployments in their order; those that have nothing for the device are
 * ended for it, so that it gets the next one at once.
 *
 * @param running in the order of their sequence numbers
 * @param rows what the device has to do with each of them so far
 */
export function select<D extends RunningDeployment>(
  facts: Facts,
  member: Membership,
  running: readonly D[],
  rows: ReadonlyMap<string, Row>,
): Answer<D> {
  const ended: Taken[] = [];
  let code: AnswerCode = running.length === 0 ? "NOTHING_RUNNING" : "NOT_IN_TARGET";
  let about: string | undefined;
  for (const deployment of running) {
    const { id } = deployment;
    const verdict = judge(facts, member, deployment, rows.get(id));
    if (verdict.kind === "offer") return { ...verdict, code: "OFFERED", deployment, ended };
    if (verdict.kind === "conflict") return { ...verdict, deployment, ended };
    if (verdict.kind === "end") ended.push({ deployment: id, status: verdict.status, reason: verdict.code });
    if (verdict.code === "NOT_IN_TARGET") continue;
    code = verdict.code;
    about = id;
  }
  return { kind: "nothing", code, about, ended };
}

type Verdict =
  | { readonly kind: "offer"; readonly artifact: ReleasedArtifact; readonly isNew: boolean }
  | { readonly kind: "conflict"; readonly code: "REQUEST_CHANGED"; readonly status: "failure" }
  | { readonly kind: "conflict"; readonly code: "INSTALLED_UNREPORTED"; readonly status: "success" }
  | { readonly kind: "end"; readonly status: Taken["status"]; readonly code: Taken["reason"] }
  | { readonly kind: "skip"; readonly code: "FINISHED" | "NOT_IN_TARGET" | "OLDER_THAN_FINISHED" };

function judge(facts: Facts, member: Membership, deployment: RunningDeployment, row: Row | undefined): Verdict {
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
    if (deployment.seq <= member.finishedSeq) return { kind: "skip", code: "OLDER_THAN_FINISHED" };
  }
  if (facts.artifactName === deployment.artifactName && !deployment.forceInstallation)
    return { kind: "end", status: "already-installed", code: "ALREADY_INSTALLED" };
  const ofType = deployment.artifacts.filter(({ deviceTypes }) => deviceTypes.includes(facts.deviceType));
  const [artifact] = ofType.filter(({ depends }) => isMet(depends, facts)).toSorted(mostSpecificFirst);
  if (artifact !== undefined) return { kind: "offer", artifact, isNew: true };
  const code = deployment.artifacts.length === 0 ? "NO_ARTIFACT" : ofType.length === 0 ? "DEVICE_TYPE" : "DEPENDS";
  return { kind: "end", status: "noartifact", code };
}

const isOther = (before: string | undefined, now: string): boolean => before !== undefined && before !== now;

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
    case "list":
      return member.listedIn.has(id);
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
