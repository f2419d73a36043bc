import { expect, test } from "vitest";
import { createPoller, type PollerParts } from "../../../src/core/poller/poller.ts";
import { type Call, type Intervals, startSchedule } from "../../../src/core/poller/schedule.ts";
import type { Pending } from "../../../src/core/poller/work.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { NextDeployment } from "../../../src/protocol/device-api.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const MINUTE = 60_000;
const INTERVALS: Intervals = {
  intervalMs: { inventory: 480 * MINUTE, deployments: 30 * MINUTE },
  backoff: { maxIntervalMs: 5 * MINUTE, count: 0 },
};
const DEPLOYMENT: NextDeployment = { id: "d1", artifact: { source: { uri: "http://x" } } };

type Happening = AgentError | NextDeployment | undefined;

/** A device in virtual time that writes down, with the minute, what it does. */
function device(change: Partial<PollerParts> = {}, start = startSchedule(0)) {
  const clock = createVirtualClock();
  const steps: string[] = [];
  const script: Record<Call | "deploy" | "scripts", Happening[]> = {
    inventory: [],
    deployments: [],
    deploy: [],
    scripts: [],
  };
  /** What the answers to polls without a deployment say, in order. */
  const comeBackMs: number[] = [];
  let isInventorySent = false;
  const step = (what: string): void => void steps.push(`${clock.nowMs() / MINUTE} ${what}`);
  const happen = (which: keyof typeof script): NextDeployment | undefined => {
    const next = script[which].shift();
    if (next instanceof AgentError) throw next;
    return next;
  };
  const parts: PollerParts = {
    clock,
    intervals: INTERVALS,
    random: () => 0,
    log: () => undefined,
    scripts: { run: async () => undefined },
    pending: async () => "none",
    async sendInventory() {
      step("inventory");
      happen("inventory");
      isInventorySent = true;
    },
    async sendTrouble(trouble) {
      step(`trouble ${trouble.split(":")[0]}`);
    },
    isInventorySent: async () => isInventorySent,
    async nextDeployment() {
      step("poll");
      const found = happen("deployments");
      if (found !== undefined) return { deployment: found };
      const comeBack = comeBackMs.shift();
      return comeBack === undefined ? {} : { comeBackMs: comeBack };
    },
    async deploy(deployment) {
      step(deployment === undefined ? "resume" : `deploy ${deployment.id}`);
      happen("deploy");
    },
    ...change,
  };
  const poller = createPoller(parts, start);
  const stop = new AbortController();
  return {
    poller,
    clock,
    script,
    comeBackMs,
    steps,
    step,
    /** Lets the daemon run for some minutes and stops it. */
    async run(minutes: number, during: () => void | Promise<void> = () => undefined): Promise<readonly string[]> {
      const ended = poller.run(stop.signal).catch((reason: unknown) => reason);
      await clock.pass(0);
      await during();
      await clock.pass(minutes * MINUTE);
      stop.abort("stopped");
      expect(await ended).toBe("stopped");
      return steps;
    },
  };
}

const failure = (detail = {}): AgentError => new AgentError("SERVER_STATUS", detail);

test("the inventory comes first, and then each call at its interval", async () => {
  expect(await device().run(91)).toEqual(["0 inventory", "0 poll", "30 poll", "60 poll", "90 poll"]);
  const day = await device().run(24 * 60 - 1);
  expect(day.filter((each) => each.endsWith("inventory"))).toEqual(["0 inventory", "480 inventory", "960 inventory"]);
  expect(day.length).toBe(3 + 48);
});

test("a poll that fails is repeated with back-off, and then waits for its regular time", async () => {
  const one = device();
  one.script.deployments.push(...Array.from({ length: 13 }, () => failure()));
  expect((await one.run(100)).filter((each) => each.endsWith("poll"))).toEqual(
    [0, 1, 2, 3, 5, 7, 9, 13, 17, 21, 26, 31, 36, 66, 96].map((minute) => `${minute} poll`),
  );
});

test("jitter makes no wait shorter, and at most twice as long", async () => {
  const one = device({ random: () => 0.999 });
  one.script.deployments.push(failure());
  expect((await one.run(3)).at(-1)).toBe("1.999 poll");
});

test("a server that asks for a pause gets it, and no attempt is lost", async () => {
  const one = device();
  one.script.deployments.push(failure({ retryAfterMs: 10 * MINUTE }), failure(), failure(), failure(), failure());
  expect((await one.run(17)).slice(1)).toEqual([0, 10, 11, 12, 13, 15].map((minute) => `${minute} poll`));
});

test("a device comes back when the server says that there may be more, and never later than usual", async () => {
  const one = device();
  one.comeBackMs.push(10 * MINUTE, 60 * MINUTE);
  expect((await one.run(75)).slice(1)).toEqual([0, 10, 40, 70].map((minute) => `${minute} poll`));
  const spread = device({ random: () => 0.5 });
  spread.comeBackMs.push(20 * MINUTE);
  expect((await spread.run(25)).slice(1)).toEqual(["0 poll", "21 poll"]);
});

test("a server that says that there may be more at once is not asked again in the same second", async () => {
  const one = device();
  one.comeBackMs.push(...Array.from({ length: 1000 }, () => 0));
  expect((await one.run(1)).length).toBeLessThanOrEqual(62);
});

test("trouble of the device itself is reported to the server, and nothing else is requested until it is repaired", async () => {
  let isBroken = true;
  const one = device({
    async pending() {
      if (isBroken) throw new AgentError("STORE_READ");
      return "none";
    },
  });
  const steps = await one.run(3, async () => {
    await one.clock.pass(90_000);
    isBroken = false;
  });
  expect(steps).toEqual(["0 trouble STORE_READ", "1 trouble STORE_READ", "2 inventory", "2 poll"]);
});

for (const code of ["NOT_AUTHORIZED", "AUTHORIZATION_FAILED", "SERVER_UNREACHABLE"] as const) {
  test(`a device that is not accepted (${code}) asks once each time, and sends its inventory when it is accepted`, async () => {
    const one = device();
    one.script.inventory.push(new AgentError(code), new AgentError(code));
    expect(await one.run(3)).toEqual(["0 inventory", "1 inventory", "2 inventory", "2 poll"]);
  });
}

test("an inventory that could not be sent follows the next poll that works", async () => {
  const one = device();
  one.script.inventory.push(failure());
  expect(await one.run(1)).toEqual(["0 inventory", "0 poll", "0 inventory"]);
});

test("an inventory that the server does not want yet is not pressed upon it", async () => {
  const one = device();
  one.script.inventory.push(failure({ retryAfterMs: 20 * MINUTE }));
  expect(await one.run(30)).toEqual(["0 inventory", "0 poll", "20 inventory", "30 poll"]);
});

test("after a deployment the inventory is sent, also when it follows straight on another", async () => {
  const one = device();
  one.script.deployments.push(DEPLOYMENT);
  expect(await one.run(1)).toEqual(["0 inventory", "0 poll", "0 deploy d1", "0 inventory"]);
});

test("a deployment that did not come to its end is taken up before anything else is asked", async () => {
  let attempts = 0;
  const one: ReturnType<typeof device> = device({
    pending: async () => (attempts > 0 && attempts < 3 ? "managed" : "none"),
    async deploy(deployment) {
      one.step(deployment?.id ?? "resume");
      attempts += 1;
      if (attempts < 3) throw failure();
    },
  });
  one.script.deployments.push(DEPLOYMENT);
  expect(await one.run(3)).toEqual(["0 inventory", "0 poll", "0 d1", "1 resume", "2 resume", "2 inventory", "2 poll"]);
});

test("an update that a start has completed is in the inventory before the next deployment is requested", async () => {
  let isPending = true;
  const one: ReturnType<typeof device> = device({
    pending: async () => (isPending ? "managed" : "none"),
    async deploy(_deployment, signal) {
      await one.clock.sleep(MINUTE / 2, signal);
      isPending = false;
      one.step("resumed");
    },
  });
  expect(await one.run(1)).toEqual(["0.5 resumed", "0.5 inventory", "0.5 poll"]);
});

test("while an update of the command line is pending, nothing new is asked for", async () => {
  expect(await device({ pending: async () => "standalone" }).run(31)).toEqual(["0 inventory"]);
});

test("a user at the device does not have to wait, whatever the server says", async () => {
  const one = device();
  one.script.deployments.push(failure({ retryAfterMs: 20 * MINUTE }));
  const steps = await one.run(1, async () => {
    await one.clock.pass(MINUTE / 2);
    one.poller.request("deployments");
    await one.clock.pass(MINUTE / 4);
    one.poller.request("inventory");
  });
  expect(steps).toEqual(["0 inventory", "0 poll", "0.5 poll", "0.75 inventory"]);
});

test("a wish during an update waits for its end, and is not lost", async () => {
  const one: ReturnType<typeof device> = device({
    async deploy() {
      one.poller.request("deployments");
      one.step("deploy");
    },
  });
  one.script.deployments.push(DEPLOYMENT);
  expect(await one.run(1)).toEqual(["0 inventory", "0 poll", "0 deploy", "0 inventory", "0 poll"]);
});

test("one cycle does what is due once, and says what went wrong", async () => {
  const one = device();
  one.script.deployments.push(DEPLOYMENT);
  await one.poller.once(new AbortController().signal);
  expect(one.steps).toEqual(["0 inventory", "0 poll", "0 deploy d1", "0 inventory"]);
  await one.poller.once(new AbortController().signal);
  expect(one.steps.length).toBe(4);
  one.poller.request("deployments");
  one.script.deployments.push(failure({ status: 500 }));
  await expect(one.poller.once(new AbortController().signal)).rejects.toThrow(
    expect.objectContaining({ code: "SERVER_STATUS" }),
  );
  expect(one.steps.slice(4)).toEqual(["0 poll"]);
});

test("a bug ends the poller, and is no reason to wait", async () => {
  const one = device({
    async nextDeployment() {
      throw new TypeError("bug");
    },
  });
  await expect(one.poller.run(new AbortController().signal)).rejects.toThrow("bug");
});

test.each([
  { what: "nothing new", fails: "", expected: "Idle_Leave Sync_Enter poll Sync_Leave Idle_Enter" },
  { what: "Sync_Enter failing", fails: "Sync_Enter", expected: "Idle_Leave Sync_Enter Sync_Error Idle_Enter" },
  {
    what: "Sync_Leave failing, which loses the update",
    fails: "Sync_Leave",
    expected: "Idle_Leave Sync_Enter poll Sync_Leave Sync_Error Idle_Enter",
  },
  {
    what: "Idle_Leave failing, which changes nothing",
    fails: "Idle_Leave",
    expected: "Idle_Leave Sync_Enter poll Sync_Leave d1 Idle_Enter",
  },
  { what: "an update", fails: "", expected: "Idle_Leave Sync_Enter poll Sync_Leave d1 Idle_Enter" },
])("the state scripts around $what", async ({ what, fails, expected }) => {
  const steps: string[] = [];
  const start = { inventory: { atMs: 1, failures: 0 }, deployments: { atMs: 0, failures: 0 } };
  const parts = {
    isInventorySent: async () => true,
    scripts: {
      async run(state: string, action: string) {
        steps.push(`${state}_${action}`);
        if (`${state}_${action}` === fails) throw new AgentError("SCRIPT_FAILED");
      },
    },
    async nextDeployment() {
      steps.push("poll");
      return what === "nothing new" ? {} : { deployment: DEPLOYMENT };
    },
    async deploy(deployment: NextDeployment | undefined) {
      steps.push(deployment?.id ?? "");
    },
  };
  const one = device(parts, start);
  const failed = await one.poller.once(new AbortController().signal).then(
    () => "",
    ({ code }) => code,
  );
  expect([steps.slice(0, expected.split(" ").length).join(" "), failed]).toEqual([
    expected,
    fails.startsWith("Sync") ? "SCRIPT_FAILED" : "",
  ]);
});

test.each([
  { how: "run", pending: "managed", expected: "resume Idle_Enter Idle_Leave Sync_Enter" },
  { how: "run", pending: "none", expected: "Idle_Enter Idle_Leave Sync_Enter" },
  { how: "once", pending: "managed", expected: "resume Idle_Enter Idle_Leave Sync_Enter" },
  { how: "once", pending: "none", expected: "Idle_Leave Sync_Enter" },
] as const)(
  "after the start of '$how' with the update '$pending' pending: $expected",
  async ({ how, expected, ...start }) => {
    const steps: string[] = [];
    const stop = new AbortController();
    let { pending }: { pending: Pending } = start;
    const { poller } = device({
      pending: async () => pending,
      scripts: {
        async run(state, action) {
          steps.push(`${state}_${action}`);
          if (state === "Sync") stop.abort("stopped");
          stop.signal.throwIfAborted();
        },
      },
      async deploy() {
        steps.push("resume");
        pending = "none";
      },
    });
    await expect(poller[how](stop.signal)).rejects.toBe("stopped");
    expect(steps.join(" ")).toBe(expected);
  },
);

test("an update that fails while it installs is resumed from Idle, and Idle_Leave scripts run before that", async () => {
  const steps: string[] = [];
  const one = device({
    pending: async () => (steps.length < 4 ? "managed" : "none"),
    scripts: { run: async (state, action) => void steps.push(`${state}_${action}`) },
    async deploy() {
      steps.push("resume");
      if (steps.length < 3) throw new AgentError("STORE_WRITE");
    },
  });
  await one.run(2);
  expect(steps.slice(0, 5).join(" ")).toBe("resume Idle_Enter Idle_Leave resume Idle_Enter");
});
