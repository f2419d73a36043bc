import type { Provides } from "../../artifact/model.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { DeploymentServer } from "../../ports/deployment-server.ts";
import { type NextDeployment, readNextDeployment } from "../../protocol/device-api.ts";
import { expectStatus, type ServerAnswer, type ServerRequest } from "./exchange.ts";
import type { Session } from "./session.ts";

const NEXT_V2 = "/api/devices/v2/deployments/device/deployments/next";
const V1 = "/api/devices/v1/deployments/device/deployments";

/** What the device reports to the server: `artifact_name`, `device_type`, and everything else that it provides. */
export type DeviceProvidesAll = Provides & Readonly<Record<"artifact_name" | "device_type", string>>;

/** The answer to a poll. */
export interface Polled {
  readonly deployment?: NextDeployment;
  /** There is nothing now, but there may be after this time (`Retry-After`). */
  readonly comeBackMs?: number;
}

/**
 * Asks for a deployment, with the newest API version that the server supports.
 *
 * @throws {AgentError} SERVER_STATUS (including 409: the device reports other provides than when this deployment
 * began), SERVER_ANSWER, and what `Session.send` throws
 */
export async function nextDeployment(
  session: Session,
  provides: DeviceProvidesAll,
  signal: AbortSignal,
): Promise<Polled> {
  const v2: ServerRequest = { method: "POST", path: NEXT_V2, body: JSON.stringify({ device_provides: provides }) };
  const answer = await session.send(v2, signal);
  if (answer.status !== 404) return deploymentIn(answer, v2);
  const { artifact_name, device_type } = provides;
  const query = new URLSearchParams({ artifact_name, device_type });
  const v1: ServerRequest = { method: "GET", path: `${V1}/next?${query}` };
  return deploymentIn(await session.send(v1, signal), v1);
}

function deploymentIn(answer: ServerAnswer, request: ServerRequest): Polled {
  const { status, retryAfterMs: comeBackMs } = answer;
  if (status === 204) return comeBackMs === undefined ? {} : { comeBackMs };
  expectStatus(answer, 200, request);
  const found = readNextDeployment(jsonOf(answer.text));
  if (typeof found === "string") throw new AgentError("SERVER_ANSWER", { request: "next", where: found });
  return { deployment: found };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // ignored: `readNextDeployment` refuses it like any other invalid reply.
    return undefined;
  }
}

/** The server's side of a deployment, over the device API. */
export const createDeploymentServer = (session: Session): DeploymentServer => ({
  async report(id, status, signal) {
    const request = { method: "PUT", path: `${pathOf(id)}/status`, body: JSON.stringify({ status }) } as const;
    const answer = await session.send(request, signal);
    if (answer.status === 409) return "aborted";
    expectStatus(answer, 204, request);
    return "accepted";
  },
  async uploadLog(id, messages, signal) {
    const request = { method: "PUT", path: `${pathOf(id)}/log`, body: JSON.stringify({ messages }) } as const;
    const answer = await session.send(request, signal);
    if (answer.status === 413) throw new AgentError("SERVER_LOG_TOO_LARGE", { bytes: request.body.length });
    expectStatus(answer, 204, request);
  },
  forgetToken: () => session.forgetToken(),
});

const pathOf = (id: string): string => `${V1}/${encodeURIComponent(id)}`;
