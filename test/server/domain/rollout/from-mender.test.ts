import { expect, test } from "vitest";
import { fromMender } from "../../../../server/domain/rollout/from-mender.ts";
import { RolloutToEstimate } from "../../../../src/protocol/api/rollout-estimates.ts";

const [ONE, TWO, THREE] = ["2026-06-01T08:00:00Z", "2026-06-02T08:00:00Z", "2026-06-03T08:00:00Z"];
const parse = (phases: readonly object[], max?: number) =>
  RolloutToEstimate.safeParse({ phases, all_devices: true, ...(max !== undefined && { max_devices: max }) });

for (const [what, phases, max, plan] of [
  ["one phase for all", [{}], undefined, { waves: [{ rest: true }] }],
  ["one phase of 100 per cent", [{ batch_size: 100 }], 0, { waves: [{ percent: 100 }] }],
  [
    "phases, the last without a size",
    [{ batch_size: 10 }, { batch_size: 40, start_ts: ONE }, { start_ts: TWO }],
    500,
    {
      waves: [{ percent: 10 }, { percent: 40, start_at: ONE }, { rest: true, start_at: TWO }],
      max_devices: 500,
    },
  ],
  [
    "phases with all sizes",
    [
      { batch_size: 33.3, start_ts: ONE },
      { batch_size: 66.7, start_ts: TWO },
    ],
    undefined,
    {
      waves: [
        { percent: 33.3, start_at: ONE },
        { percent: 66.7, start_at: TWO },
      ],
    },
  ],
] as const)
  test(`Mender's fields become a plan: ${what}`, () => {
    const { data } = parse(phases, max);
    expect(fromMender({ phases: data?.phases ?? [], max_devices: data?.max_devices })).toEqual({
      ...plan,
      priority: 0,
    });
  });

for (const [phases, path, message] of [
  [[], "phases", /expected array to have >=1/],
  [Array.from({ length: 101 }, () => ({ start_ts: ONE })), "phases", /expected array to have <=100/],
  [[{}, { start_ts: ONE }], "phases/0/batch_size", /only the last phase/],
  [[{ batch_size: 10 }, {}], "phases/1/start_ts", /only the first phase/],
  [[{ batch_size: 10, start_ts: THREE }, { start_ts: TWO }], "phases/1/start_ts", /before the phase before/],
  [[{ batch_size: 60 }, { batch_size: 60, start_ts: ONE }], "phases/1/batch_size", /more than 100/],
  [[{ batch_size: 60 }, { batch_size: 30, start_ts: ONE }], "phases/1/batch_size", /less than 100/],
  [[{ batch_size: 0 }], "phases/0/batch_size", /expected number to be >0/],
  [[{ start_ts: "tomorrow" }], "phases/0/start_ts", /Invalid ISO datetime/],
] as const)
  test(`phases are refused: ${path} ${message.source}`, () => {
    const issues = parse(phases).error?.issues ?? [];
    expect(issues.map((issue) => `${issue.path.join("/")} ${issue.message}`).join("\n")).toMatch(
      new RegExp(`${path} .*${message.source}`),
    );
  });
