import { expect, test } from "vitest";
import type { Insist } from "../../../src/core/deployment/insist.ts";
import { createReportStatus, createServerEffects } from "../../../src/core/deployment/server-effects.ts";
import { begin, type Snapshot } from "../../../src/core/deployment/snapshot.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { DeploymentServer } from "../../../src/ports/deployment-server.ts";

const signal = new AbortController().signal;
const unreachable = new AgentError("TRANSPORT_FAILED");
const managed = (failed: boolean): Snapshot => ({
  ...begin("managed", "d-1", { name: "v2", provides: {}, payloadTypes: [] }),
  failed,
});
const MESSAGES = [{ level: "error", message: "broken", timestamp: "2026-11-22T12:00:00Z" }];
const once: Insist = (_, deliver) => deliver();
const never: Insist = () => Promise.reject(unreachable);

/** `answer` of the server to every status. */
function rig(answer: "accepted" | "aborted" | Error = "accepted", insist: Insist = once) {
  const calls: string[] = [];
  const logged: string[] = [];
  const server: DeploymentServer = {
    async report(id, status) {
      calls.push(`${id} ${status}`);
      if (answer instanceof Error) throw answer;
      return answer;
    },
    uploadLog: async (id, messages) => void calls.push(`${id} log ${messages.map(({ message }) => message).join()}`),
    forgetToken: async () => void calls.push("forget"),
  };
  const log = (level: string, message: string): void => void logged.push(`${level} ${message}`);
  const keep = async (): Promise<void> => undefined;
  const effects = createServerEffects({ server, insist, readLog: async () => MESSAGES });
  const run = async (name: keyof typeof effects, failed = false): Promise<string> =>
    (await effects[name](managed(failed), signal, keep)).outcome;
  return { calls, logged, run, tell: createReportStatus(server, log) };
}

test("before the commit, the agent gets a new token and repeats a status to reach the server", async () => {
  const { calls, run } = rig();
  expect(await run("reachServer")).toBe("ok");
  expect(calls).toEqual(["forget", "d-1 installing"]);
});

test("a failure is reported and asks for its log, a success for nothing more", async () => {
  const { calls, run } = rig();
  expect(await run("reportResult", true)).toBe("ok");
  expect(await run("reportResult", false)).toBe("no");
  expect(await run("sendLog", true)).toBe("ok");
  expect(calls).toEqual(["d-1 failure", "d-1 success", "d-1 log broken"]);
});

test("a deployment that has been called off is no failure to deliver", async () => {
  const { run } = rig("aborted");
  expect([await run("reachServer"), await run("reportResult"), await run("reportResult", true)]).toEqual([
    "abort",
    "abort",
    "abort",
  ]);
});

for (const name of ["reachServer", "reportResult", "sendLog"] as const) {
  test(`${name} fails when its delivery is given up`, async () => {
    await expect(rig("accepted", never).run(name)).rejects.toBe(unreachable);
  });
}

test("an intermediate status is reported once", async () => {
  const told = rig();
  expect(await told.tell(managed(false), "downloading", signal)).toBe("told");
  expect(told.calls).toEqual(["d-1 downloading"]);
  expect(await rig("aborted").tell(managed(false), "downloading", signal)).toBe("aborted");
});

test("an intermediate status that cannot be reported is logged, and stops nothing", async () => {
  const { calls, logged, tell } = rig(unreachable);
  expect(await tell(managed(false), "rebooting", signal)).toBe("told");
  expect(calls).toEqual(["d-1 rebooting"]);
  expect(logged).toEqual(["warning Could not report the status rebooting: TRANSPORT_FAILED: The transfer failed."]);
});

test("a bug and an abort pass through", async () => {
  const bug = new TypeError("bug");
  await expect(rig(bug).tell(managed(false), "rebooting", signal)).rejects.toBe(bug);
  const stopped = AbortSignal.abort(new Error("stopped"));
  await expect(rig(unreachable).tell(managed(false), "rebooting", stopped)).rejects.toThrow("stopped");
});
