import { expect, test } from "vitest";
import { advance } from "../../../../server/domain/rollout/advance.ts";
import { type Counts, NO_TALLY, type Tally } from "../../../../server/domain/rollout/counts.ts";
import { factsOf, type Health, headlineOf } from "../../../../server/domain/rollout/facts.ts";
import { initialMemory, type Memory } from "../../../../server/domain/rollout/memory.ts";
import { possibleActs } from "../../../../server/domain/rollout/possible-acts.ts";
import { Plan } from "../../../../src/protocol/api/rollouts.ts";
import { factSentence, headlineSentence } from "../../../../src/protocol/words/rollout-words.ts";

const BEGIN = Date.UTC(2026, 5, 1);
const WELL: Health = {
  failed: { looked: 0, back: 0, inconsistent: 0 },
  updated: { looked: 0, silent: 0, unheard: 0, other: 0 },
  underWay: { looked: 0, silent: 0 },
  usualUntil: undefined,
};

function countsOf(tally: Partial<Tally>, devices = 100): Counts {
  const waves = [{ ...NO_TALLY, ...tally }];
  return {
    devices,
    waves,
    outside: 0,
    leftOut: 0,
    causes: [],
    recent: { failed: 0, reports: 0 },
    overdue: 0,
    groups: {},
  };
}

function summaryOf(
  plan: object,
  counts: Counts,
  { health = WELL, change = {}, acts = [] }: { health?: Health; change?: Partial<Memory>; acts?: string[] } = {},
) {
  const parsed = Plan.parse(plan);
  // The first wave opens in a first look.
  const none = { ...counts, waves: [] };
  let { memory } = advance(parsed, initialMemory("author", BEGIN), { counts: none, acts: [], now: BEGIN });
  const wishes = acts.map((act) => ({ act: act as "pause", by: "ann" }));
  const after = advance(parsed, memory, { counts, acts: wishes, now: BEGIN + 60_000 });
  memory = { ...after.memory, ...change };
  return { plan: parsed, memory, counts, waits: after.waits, health, cause: undefined };
}

const GATED = { waves: [{ percent: 20, gate: { success_pct: 95, soak_s: 3600 } }, { rest: true }] };

/** Each: what the devices say, and the facts with their sentences. */
const FACTS: readonly (readonly [name: string, counts: Counts, health: Partial<Health>, said: readonly string[]])[] = [
  ["nobody has begun", countsOf({}), {}, ["NOT_BEGUN: 100 devices have not begun."]],
  [
    "all that failed are back",
    countsOf({ failed: 3, underWay: 2 }),
    { failed: { looked: 3, back: 3, inconsistent: 0 } },
    [
      "FAILED_BACK: None of the 3 devices that failed is down: all run what they ran before.",
      "UNDER_WAY: 2 devices under way, 95 have not begun.",
    ],
  ],
  [
    "one that failed is not heard, and one is broken",
    countsOf({ failed: 3, updated: 97 }),
    {
      failed: { looked: 3, back: 1, inconsistent: 1 },
      updated: { looked: 97, silent: 2, unheard: 0, other: 0 },
    },
    [
      "FAILED_INCONSISTENT: 1 of the 3 devices that failed could not go back, and may be down.",
      "FAILED_UNHEARD: 1 of the 3 devices that failed have not said since that they run what they ran before.",
      "UPDATED_SILENT: 2 of 97 devices with the release poll no more.",
    ],
  ],
  [
    "those that were not looked at are not known to be back",
    countsOf({ failed: 50, underWay: 50 }),
    { failed: { looked: 40, back: 40, inconsistent: 0 } },
    [
      "FAILED_UNHEARD: 10 of the 50 devices that failed have not said since that they run what they ran before.",
      "UNDER_WAY: 50 devices under way, 0 have not begun.",
    ],
  ],
  [
    "an update was just now",
    countsOf({ updated: 100 }),
    { updated: { looked: 100, silent: 0, unheard: 4, other: 1 } },
    [
      "UPDATED_OTHER: 1 of 100 devices that were updated run another release now.",
      "UPDATED_UNHEARD: 4 of 100 devices with the release have not polled since.",
    ],
  ],
  [
    "all is well",
    countsOf({ updated: 1, had: 99 }),
    { updated: { looked: 1, silent: 0, unheard: 0, other: 0 } },
    ["UPDATED_WELL: The device with the release has polled since."],
  ],
  [
    "there is more to say than one reads",
    countsOf({ failed: 9, updated: 9, underWay: 9 }),
    {
      failed: { looked: 9, back: 7, inconsistent: 1 },
      updated: { looked: 9, silent: 1, unheard: 1, other: 1 },
      underWay: { looked: 9, silent: 4 },
    },
    [
      "FAILED_INCONSISTENT: 1 of the 9 devices that failed could not go back, and may be down.",
      "FAILED_UNHEARD: 1 of the 9 devices that failed have not said since that they run what they ran before.",
      "UPDATED_SILENT: 1 of 9 devices with the release poll no more.",
      "UPDATED_OTHER: 1 of 9 devices that were updated run another release now.",
      "UNDER_WAY_SILENT: 4 of the 9 devices under way are not heard any more.",
    ],
  ],
];

for (const [name, counts, health, said] of FACTS)
  test(`facts when ${name}`, () => {
    const facts = factsOf(summaryOf(GATED, counts, { health: { ...WELL, ...health } }));
    expect(facts.map((fact) => `${fact.code}: ${factSentence(fact)}`)).toEqual(said);
  });

const FACTOR = {
  ...{ scope: "inventory", attribute: "hardware", value: "rev-b" },
  ...{ failed: { have: 6, of: 6 }, succeeded: { have: 1, of: 40 } },
};
const CAUSE = { kind: "line", signature: "disk ‹n› is full", devices: 6, factor: FACTOR } as const;

for (const [name, failed, cause, said] of [
  [
    "most failures have one, with what these devices share",
    10,
    CAUSE,
    '6 of the 10 devices that failed have one cause: "disk ‹n› is full". 6 of 6 have hardware rev-b; of those with the ' +
      "release, 1 of 40.",
  ],
  [
    "it is known, and not what the devices share",
    6,
    { ...CAUSE, factor: undefined },
    '6 of the 6 devices that failed have one cause: "disk ‹n› is full".',
  ],
  ["others are more frequent together", 11, CAUSE, undefined],
  ["a single device failed", 1, { ...CAUSE, devices: 1 }, undefined],
  ["none is known", 10, undefined, undefined],
] as const)
  test(`the cause is a fact if it is one: ${name}`, () => {
    const facts = factsOf({ ...summaryOf(GATED, countsOf({ failed, updated: 40 })), cause });
    const fact = facts.find(({ code }) => code === "ONE_CAUSE");
    expect(fact && factSentence(fact)).toBe(said);
  });

const HALT = { ...GATED, halt: { failure_pct: 5, min_reports: 10 } };
const HEADLINES: readonly (readonly [name: string, summary: ReturnType<typeof summaryOf>, said: RegExp])[] = [
  ["runs", summaryOf(GATED, countsOf({ updated: 1 })), /^ON_COURSE: On course, in wave 1 of 2: 1 of 100 devices with/],
  ["soaks", summaryOf(GATED, countsOf({ updated: 20 })), /^SOAKING: The gate of wave 1 is met. It soaks until Mon/],
  ["is paused", summaryOf(GATED, countsOf({}), { acts: ["pause"] }), /^PAUSED: Paused by ann@example.com since Mon/],
  [
    "is aborted",
    summaryOf(GATED, countsOf({}), { acts: ["abort"] }),
    /^ABORTED: Aborted by ann@example.com Mon, .*failed\.$/,
  ],
  [
    "is halted",
    summaryOf(HALT, countsOf({ updated: 9, failed: 3 })),
    /^HALTED: Halted by its rule .* in wave 1: 25.0 % of the reports are failures, and the limit is 5 %. Now 3 of 12 have failed \(25.0 %\)\.$/,
  ],
  ["waits for people", summaryOf({ ...GATED, approvals: 2 }, countsOf({})), /^WAITS_FOR_APPROVAL: .*0 of 2\.$/],
  [
    "waits for its start",
    summaryOf({ waves: [{ rest: true, start_at: "2027-01-01T00:00:00Z" }] }, countsOf({})),
    /^WAITS_FOR_START: Starts Fri, 1 Jan 2027/,
  ],
  [
    "is outside of its window",
    summaryOf({ ...GATED, window: { time_zone: "UTC", days: ["wed"], start: "03:00", end: "04:00" } }, countsOf({})),
    /^OUTSIDE_WINDOW: .* opens Wed, 3 Jun 2026/,
  ],
  [
    "has expired",
    summaryOf({ ...GATED, expires_at: "2026-06-01T00:00:30Z" }, countsOf({ underWay: 2 })),
    /^ENDING: Expired. It ends with the 2 devices under way\.$/,
  ],
  [
    "has finished",
    summaryOf(GATED, countsOf({ updated: 99, failed: 1 }), { change: { ended: { at: BEGIN, why: "FINISHED" } } }),
    /^FINISHED: Finished: 99 of 100 devices with the release, 1 failed\.$/,
  ],
];

for (const [name, summary, said] of HEADLINES)
  test(`headline of a rollout that ${name}`, () => {
    const headline = headlineOf(summary);
    expect(`${headline.code}: ${headlineSentence({ ...headline, by: { email: "ann@example.com" } })}`).toMatch(said);
  });

test("each act says what it would do, or why it is refused", () => {
  const counts = countsOf({ updated: 9, failed: 3, underWay: 1 });
  const { plan, memory } = summaryOf(HALT, counts);
  const acts = possibleActs(plan, memory, { counts, now: BEGIN + 60_000 }, "ann");
  expect(Object.fromEntries(acts.map(({ act, refused, effects }) => [act, refused ?? effects]))).toEqual({
    approve: "NOT_ASKED_FOR",
    leave_out: [],
    pause: [
      { code: "GO_ON", devices: 1 },
      { code: "WAIT", devices: 87 },
    ],
    resume: [
      { code: "GO_ON", devices: 1 },
      { code: "MAY_BEGIN", devices: 7 },
      { code: "WAIT", devices: 80 },
    ],
    open_next: "STOPPED",
    skip_soak: "NOT_SOAKING",
    retry_failed: [
      { code: "TRY_AGAIN", devices: 3 },
      { code: "GO_ON", devices: 1 },
      { code: "WAIT", devices: 87 },
    ],
    abort: [
      { code: "STOPPED", devices: 1 },
      { code: "NEVER_BEGIN", devices: 87 },
      { code: "KEEP", devices: 9 },
    ],
    roll_back: [
      { code: "STOPPED", devices: 1 },
      { code: "NEVER_BEGIN", devices: 87 },
    ],
  });
});
