import { setDeviceDeployment } from "../../../adapters/postgres/device-deployments.ts";
import { type PollFacts, readPollFacts } from "../../../adapters/postgres/device-polls.ts";
import { BudgetUsedUp, chargeBudgets } from "../../../adapters/postgres/download-budgets.ts";
import { finishDeployments } from "../../../adapters/postgres/end-deployments.ts";
import { endUnasked } from "../../../adapters/postgres/end-unasked.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import type { Running, RunningSet } from "../../../adapters/postgres/running-deployments.ts";
import { comeBackOf, retryAfterS } from "../../../domain/rollout/come-back.ts";
import type { Answer, AnswerCode, Facts, Taken } from "../../../domain/selection/facts.ts";
import { select } from "../../../domain/selection/select.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { DeviceCaller, PollMemory } from "../../callers.ts";
import type { Services } from "../../services.ts";
import { Budgets } from "./budgets.ts";
import type { Said } from "./said.ts";

/** What a device is offered. */
export interface Offered {
  readonly deployment: Running;
  readonly artifact: Running["artifacts"][number];
}

/** That there is nothing for a device now. */
export interface Nothing {
  /** When it is to come back, if that is not at its usual time. */
  readonly retryAfterS: number | undefined;
}

/** Answers the polls of devices. */
export interface Polls {
  /**
   * Answers at once, if what the process remembers says that there is nothing for the device.
   *
   * @returns `undefined`: it has not answered, and has done nothing
   */
  answerFromMemory(caller: DeviceCaller, said: Said, set: RunningSet): Nothing | undefined;
  /**
   * @param address from where the device asks: it belongs to a site
   * @throws {ServerError} CONFLICT if the device says something else of itself than when it began a deployment
   */
  poll(caller: DeviceCaller, said: Said, address: string): Promise<Offered | Nothing>;
}

export function createPolls({
  postgres,
  running,
  checkIns,
  full,
}: Pick<Services, "postgres" | "running" | "checkIns" | "full">): Polls {
  function note(
    { tenant, device, memory }: DeviceCaller,
    said: Said,
    { code, about }: Reason,
    isAskedBack = false,
  ): void {
    const { artifactName, deviceType, provides } = said.facts;
    const isWritten = memory.written === said.provides;
    memory.written = said.provides;
    const kept = isWritten ? undefined : provides;
    checkIns.note(tenant, device, {
      ...{ artifactName, deviceType, provides: kept, isAskedBack },
      answer: code,
      deployment: about,
    });
  }

  function answerNothing(caller: DeviceCaller, said: Said, { epochMs }: RunningSet, reason: Reason): Nothing {
    const { comeBack } = reason;
    const seconds = comeBack && retryAfterS(comeBack, epochMs + performance.now(), Math.random());
    note(caller, said, reason, seconds !== undefined);
    return { retryAfterS: seconds };
  }

  function answerFromMemory(caller: DeviceCaller, said: Said, set: RunningSet): Nothing | undefined {
    const { version, deployments } = set;
    const { nothing } = caller.memory;
    if (deployments.length === 0) return answerNothing(caller, said, set, because("NOTHING_RUNNING"));
    if (!deployments.some(mayReach(caller))) return answerNothing(caller, said, set, because("NOT_IN_TARGET"));
    return nothing?.version === version &&
      nothing.said === said.text &&
      (nothing.waitsIn.size === 0 || [...nothing.waitsIn].every(full.has))
      ? answerNothing(caller, said, set, nothing)
      : undefined;
  }

  /**
   * Writes what the answer changes. The device gets the answer after the commit.
   *
   * @returns whether the answer still holds: a person may have ended the deployment meanwhile, the last place of a
   * rollout may be taken, or a budget used up
   */
  async function keep(
    { tenant, device }: DeviceCaller,
    facts: Facts,
    answer: Answer<Running>,
    { rows }: PollFacts,
    gated: ReadonlySet<string>,
    budgets: Budgets,
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
    const charges = answer.kind === "offer" && answer.isNew ? budgets.chargesFor(answer) : [];
    const hasBegun = answer.kind === "offer" && rows.has(answer.deployment.id);
    const work = async (session: Session) => {
      if (unasked.length > 0) await endUnasked(session, tenant, device, unasked);
      const outcomes = [];
      for (const change of changes) outcomes.push(await setDeviceDeployment(session, tenant, { ...change, device }));
      const isCharged = charges.length > 0 && outcomes.at(-1) === "changed";
      return { outcomes, usedUp: isCharged ? await chargeBudgets(session, tenant, charges, hasBegun) : [] };
    };
    const { outcomes, usedUp } = await postgres.inTenant(tenant, work).catch((error: unknown) => {
      // Nothing was written: not even what ended meanwhile, which the next try writes.
      if (error instanceof BudgetUsedUp) return { outcomes: undefined, usedUp: [[error.key, error.forMs] as const] };
      throw error;
    });
    for (const [key, forMs] of usedUp) if (forMs > 0) full.add(key, forMs);
    if (outcomes === undefined) return "full";
    const isAnyEnded = unasked.length > 0 || changes.some(({ status }) => status !== "pending");
    if (isAnyEnded) await finishDeployments(postgres, tenant);
    for (const [index, outcome] of outcomes.entries())
      if (outcome === "full") full.add(changes[index]?.deployment ?? "");
    if (outcomes.includes("full")) return "full";
    return !(answer.kind === "offer" && answer.isNew) || outcomes.at(-1) === "changed" ? "holds" : "ended";
  }

  async function poll(caller: DeviceCaller, said: Said, address: string): Promise<Offered | Nothing> {
    const { tenant, device, memory } = caller;
    const { facts } = said;
    const set = await running.of(tenant);
    const remembered = answerFromMemory(caller, said, set);
    if (remembered !== undefined) return remembered;
    const possible = set.deployments.filter(mayReach(caller));
    const gated = new Set(possible.filter(({ gate }) => gate !== undefined).map(({ id }) => id));
    const ids = possible.map(({ id }) => id);
    const origins = possible.flatMap(({ target }) => (target.kind === "updated" ? [target.deployment] : []));
    const withInventory = possible.some(({ target }) => target.kind === "filter");
    const isTimed = possible.some((one) => one.isTimed);
    const { changes } = memory;
    const budgets = new Budgets(set, possible, address);
    // The rollouts in which this poll has found no place, and the budgets that are used up.
    const limits = [...gated, ...budgets.keys];
    const tried = new Set<string>();
    for (;;) {
      for (const key of limits) if (full.has(key)) tried.add(key);
      for (const key of tried) budgets.block(key);

      const found = await readPollFacts(postgres, tenant, device, ids, origins, withInventory);
      if (found === undefined) throw new ServerError("UNAUTHORIZED");
      const answer = select(facts, found.member, possible, found.rows, tried, budgets.busy);
      const kept = await keep(caller, facts, answer, found, gated, budgets);
      if (kept === "full" && limits.some((key) => full.has(key) && !tried.has(key))) continue;
      if (kept !== "holds") return { retryAfterS: undefined };
      const about = answer.kind === "nothing" ? answer.about : answer.deployment.id;
      if (answer.kind !== "nothing") note(caller, said, because(answer.code, about));
      if (answer.kind === "offer") return { deployment: answer.deployment, artifact: answer.artifact };
      if (answer.kind === "conflict")
        throw new ServerError("CONFLICT", { reason: "the device type or the artifact name has changed meanwhile" });
      const now = set.epochMs + performance.now();
      const waits = possible.find(({ id }) => id === about);
      const usedUp = waits && budgets.usedUp(waits, full, now);
      const intervalS = found.intervalS ?? POLL_INTERVAL_S;
      const comeBack = comeBackOf(answer.code, waits?.gate?.reopens, usedUp, now, intervalS);
      const reason = { code: answer.code, about, comeBack };
      // What has changed since the database was asked may give it another answer.
      if (!isTimed && memory.changes === changes)
        memory.nothing = { ...reason, version: set.version, said: said.text, waitsIn: tried };
      return answerNothing(caller, said, set, reason);
    }
  }

  return { answerFromMemory, poll };
}

/** Of clients that nobody has configured. */
const POLL_INTERVAL_S = 1800;

/** Why a device got its answer, and when it is to come back. */
type Reason = Pick<NonNullable<PollMemory["nothing"]>, "code" | "about" | "comeBack">;

const because = (code: AnswerCode, about?: string): Reason => ({ code, about, comeBack: undefined });

/** Whether a deployment may be for a device, by what is known without the database. */
const mayReach =
  ({ device }: DeviceCaller) =>
  ({ listed }: Running): boolean =>
    listed === undefined || listed.has(device);
