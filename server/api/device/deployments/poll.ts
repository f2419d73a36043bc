import { setDeviceDeployment } from "../../../adapters/postgres/device-deployments.ts";
import { type PollFacts, readPollFacts } from "../../../adapters/postgres/device-polls.ts";
import { finishDeployments } from "../../../adapters/postgres/end-deployments.ts";
import { endUnasked } from "../../../adapters/postgres/end-unasked.ts";
import type { Running } from "../../../adapters/postgres/running-deployments.ts";
import type { Answer, Facts } from "../../../domain/selection/facts.ts";
import { select } from "../../../domain/selection/select.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { DeviceCaller } from "../../callers.ts";
import type { Services } from "../../services.ts";

/** What a device is offered. `undefined`: nothing. */
export interface Offered {
  readonly deployment: Running;
  readonly artifact: Running["artifacts"][number];
}

/** Requests share what repeated bodies say. */
const texts = new WeakMap<Facts["provides"], string>();

function textOf(provides: Facts["provides"]): string {
  const known = texts.get(provides);
  if (known !== undefined) return known;
  const text = JSON.stringify(provides);
  texts.set(provides, text);
  return text;
}

/** Answers the polls of devices. */
export function createPolls({ postgres, running, checkIns }: Services) {
  function note({ tenant, device, memory }: DeviceCaller, facts: Facts, code: string, about: string | undefined): void {
    const provides = textOf(facts.provides);
    const isWritten = memory.written === provides;
    memory.written = provides;
    const { artifactName, deviceType } = facts;
    const kept = { artifactName, deviceType, provides: isWritten ? undefined : facts.provides };
    checkIns.note(tenant, device, { ...kept, answer: code, deployment: about });
  }

  /**
   * Writes what the answer changes. The device gets the answer after the commit.
   *
   * @returns whether the answer still holds: a person may have ended the deployment meanwhile
   */
  async function keep(
    { tenant, device }: DeviceCaller,
    facts: Facts,
    answer: Answer<Running>,
    rows: PollFacts["rows"],
  ): Promise<boolean> {
    const { deviceType, artifactName: fromArtifact } = facts;
    const unasked = answer.ended.filter(({ deployment }) => !rows.has(deployment));
    const changes = [
      ...answer.ended.filter(({ deployment }) => rows.has(deployment)),
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
    if (changes.length === 0 && unasked.length === 0) return true;
    const outcomes = await postgres.inTenant(tenant, async (session) => {
      if (unasked.length > 0) await endUnasked(session, tenant, device, unasked);
      const all = [];
      for (const change of changes) all.push(await setDeviceDeployment(session, tenant, { ...change, device }));
      return all;
    });
    const isAnyEnded = unasked.length > 0 || changes.some(({ status }) => status !== "pending");
    if (isAnyEnded) await finishDeployments(postgres, tenant);
    return !(answer.kind === "offer" && answer.isNew) || outcomes.at(-1) === "changed";
  }

  /** @throws {ServerError} CONFLICT if the device says something else of itself than when it began a deployment */
  return async function poll(caller: DeviceCaller, facts: Facts): Promise<Offered | undefined> {
    const { tenant, device, memory } = caller;
    const { version, deployments } = await running.of(tenant);
    const possible = deployments.filter(({ listed }) => listed === undefined || listed.has(device));
    const factsText = `${facts.artifactName}\n${facts.deviceType}\n${textOf(facts.provides)}`;
    const { nothing } = memory;
    if (possible.length === 0) {
      note(caller, facts, deployments.length === 0 ? "NOTHING_RUNNING" : "NOT_IN_TARGET", undefined);
      return undefined;
    }
    if (nothing?.version === version && nothing.facts === factsText) {
      note(caller, facts, nothing.code, nothing.about);
      return undefined;
    }
    const found = await readPollFacts(
      postgres,
      tenant,
      device,
      possible.map(({ id }) => id),
    );
    if (found === undefined) throw new ServerError("UNAUTHORIZED");
    const answer = select(facts, found.member, possible, found.rows);
    if (!(await keep(caller, facts, answer, found.rows))) return undefined;
    const about = answer.kind === "nothing" ? answer.about : answer.deployment.id;
    note(caller, facts, answer.code, about);
    if (answer.kind === "offer") return { deployment: answer.deployment, artifact: answer.artifact };
    if (answer.kind === "conflict")
      throw new ServerError("CONFLICT", { reason: "the device type or the artifact name has changed meanwhile" });
    memory.nothing = { version, facts: factsText, code: answer.code, about };
    return undefined;
  };
}
