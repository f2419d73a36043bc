import { setDeviceDeployment } from "../../../adapters/postgres/device-deployments.ts";
import { type PollFacts, readPollFacts } from "../../../adapters/postgres/device-polls.ts";
import { finishDeployments } from "../../../adapters/postgres/end-deployments.ts";
import { endUnasked } from "../../../adapters/postgres/end-unasked.ts";
import type { Running, RunningSet } from "../../../adapters/postgres/running-deployments.ts";
import type { Answer, Facts, Taken } from "../../../domain/selection/facts.ts";
import { select } from "../../../domain/selection/select.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { DeviceCaller } from "../../callers.ts";
import type { Services } from "../../services.ts";
import type { Said } from "./said.ts";

/** What a device is offered. `undefined`: nothing. */
export interface Offered {
  readonly deployment: Running;
  readonly artifact: Running["artifacts"][number];
}

/** Answers the polls of devices. */
export interface Polls {
  /**
   * Answers at once, if what the process remembers says that there is nothing for the device.
   *
   * @returns whether it has answered; if not, it has done nothing
   */
  answerFromMemory(caller: DeviceCaller, said: Said, set: RunningSet): boolean;
  /** @throws {ServerError} CONFLICT if the device says something else of itself than when it began a deployment */
  poll(caller: DeviceCaller, said: Said): Promise<Offered | undefined>;
}

export function createPolls({
  postgres,
  running,
  checkIns,
  full,
}: Pick<Services, "postgres" | "running" | "checkIns" | "full">): Polls {
  function note({ tenant, device, memory }: DeviceCaller, said: Said, code: string, about: string | undefined): void {
    const { artifactName, deviceType, provides } = said.facts;
    const isWritten = memory.written === said.provides;
    memory.written = said.provides;
    const kept = isWritten ? undefined : provides;
    checkIns.note(tenant, device, { artifactName, deviceType, provides: kept, answer: code, deployment: about });
  }

  function answerFromMemory(caller: DeviceCaller, said: Said, { version, deployments }: RunningSet): boolean {
    const { nothing } = caller.memory;
    if (deployments.length === 0) note(caller, said, "NOTHING_RUNNING", undefined);
    else if (!deployments.some(mayReach(caller))) note(caller, said, "NOT_IN_TARGET", undefined);
    else if (
      nothing?.version === version &&
      nothing.said === said.text &&
      (nothing.waitsIn.size === 0 || [...nothing.waitsIn].every((id) => full.has(id)))
    )
      note(caller, said, nothing.code, nothing.about);
    else return false;
    return true;
  }

  /**
   * Writes what the answer changes. The device gets the answer after the commit.
   *
   * @returns whether the answer still holds: a person may have ended the deployment meanwhile, or the last place of a
   * rollout may be taken
   */
  async function keep(
    { tenant, device }: DeviceCaller,
    facts: Facts,
    answer: Answer<Running>,
    { rows }: PollFacts,
    gated: ReadonlySet<string>,
  ): Promise<"holds" | "ended" | "full"> {
    const { deviceType, artifactName: fromArtifact } = facts;
    // An end of a rollout needs a place as well, unless the device is not to get it any more.
    const isUnasked = ({ deployment, status }: Taken): boolean =>
      !rows.has(deployment) && (!gated.has(deployment) || status === "aborted");
    const unasked = answer.ended.filter(isUnasked);
    const changes = [
      ...answer.ended.filter((taken) => !isUnasked(taken)),
      ...(answer.kind === "offer" && answer.isNew
        ? [
            {
              ...{ deployment: answer.deployment.id, status: "pending" },
              offer: { artifact: answer.artifact.id, deviceType, fromArtifact },
            },
          ]
        : []),
      ...(answer.kind === "conflict"
        ? [{ deployment: answer.deployment.id, status: answer.status, reason: answer.code }]
        : []),
    ];
    if (changes.length === 0 && unasked.length === 0) return "holds";
    const outcomes = await postgres.inTenant(tenant, async (session) => {
      if (unasked.length > 0) await endUnasked(session, tenant, device, unasked);
      const all = [];
      for (const change of changes) all.push(await setDeviceDeployment(session, tenant, { ...change, device }));
      return all;
    });
    const isAnyEnded = unasked.length > 0 || changes.some(({ status }) => status !== "pending");
    if (isAnyEnded) await finishDeployments(postgres, tenant);
    for (const [index, outcome] of outcomes.entries())
      if (outcome === "full") full.add(changes[index]?.deployment ?? "");
    if (outcomes.includes("full")) return "full";
    return !(answer.kind === "offer" && answer.isNew) || outcomes.at(-1) === "changed" ? "holds" : "ended";
  }

  async function poll(caller: DeviceCaller, said: Said): Promise<Offered | undefined> {
    const { tenant, device, memory } = caller;
    const { facts } = said;
    const set = await running.of(tenant);
    if (answerFromMemory(caller, said, set)) return undefined;
    const possible = set.deployments.filter(mayReach(caller));
    const gated = new Set(possible.filter(({ gate }) => gate !== undefined).map(({ id }) => id));
    const ids = possible.map(({ id }) => id);
    const origins = possible.flatMap(({ target }) => (target.kind === "updated" ? [target.deployment] : []));
    const withInventory = possible.some(({ target }) => target.kind === "filter");
    const isTimed = possible.some((one) => one.isTimed);
    const { changes } = memory;
    // The rollouts in which this poll has found no place.
    const tried = new Set([...gated].filter((id) => full.has(id)));
    for (;;) {
      const found = await readPollFacts(postgres, tenant, device, ids, origins, withInventory);
      if (found === undefined) throw new ServerError("UNAUTHORIZED");
      const answer = select(facts, found.member, possible, found.rows, tried);
      const kept = await keep(caller, facts, answer, found, gated);
      if (kept === "ended") return undefined;
      if (kept === "full") {
        const before = tried.size;
        for (const id of gated) if (full.has(id)) tried.add(id);
        if (tried.size > before) continue;
        return undefined;
      }
      const about = answer.kind === "nothing" ? answer.about : answer.deployment.id;
      note(caller, said, answer.code, about);
      if (answer.kind === "offer") return { deployment: answer.deployment, artifact: answer.artifact };
      if (answer.kind === "conflict")
        throw new ServerError("CONFLICT", { reason: "the device type or the artifact name has changed meanwhile" });
      // What has changed since the database was asked may give it another answer.
      if (!isTimed && memory.changes === changes)
        memory.nothing = { version: set.version, said: said.text, code: answer.code, about, waitsIn: tried };
      return undefined;
    }
  }

  return { answerFromMemory, poll };
}

/** Whether a deployment may be for a device, by what is known without the database. */
const mayReach =
  ({ device }: DeviceCaller) =>
  ({ listed }: Running): boolean =>
    listed === undefined || listed.has(device);
