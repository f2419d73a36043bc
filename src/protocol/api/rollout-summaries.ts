import { z } from "zod";
import { FACT_CODES, HEADLINE_CODES } from "../words/rollout-codes.ts";
import { Timestamp } from "./common.ts";
import { RolloutDetails } from "./rollout-views.ts";

const Count = z.number().int();
const Facts = z.record(z.string(), z.union([z.string(), z.number()]));
/** All that one must see of a rollout before one acts on it. */
export const RolloutSummary = RolloutDetails.extend({
  /** A sentence as a code with its numbers. Times are in milliseconds since 1970. */
  headline: z.object({
    code: z.enum(HEADLINE_CODES),
    facts: Facts,
    by: z.object({ id: z.string(), email: z.string() }).optional(),
  }),
  /** At most five, the most urgent first. */
  facts: z.array(z.object({ code: z.enum(FACT_CODES), facts: Facts })),
  /** What you can do, with what it would do. */
  acts: z.array(
    z.object({
      act: z.string(),
      /** Why it cannot be done, now or by you. */
      refused: z.string().optional(),
      effects: z.array(z.object({ code: z.string(), devices: Count })),
      /** To which release at most so many devices would go back. */
      roll_back: z.object({ release: z.string(), devices: Count }).optional(),
    }),
  ),
});
export type RolloutSummary = z.infer<typeof RolloutSummary>;

/** How many devices had which status after each step, from the first step with a change on. */
export const RolloutSeries = z.object({
  /** In seconds. */
  step: Count,
  points: z.array(
    z.object({
      time: Timestamp,
      counts: z.object({
        updated: Count,
        had: Count,
        failed: Count,
        unfit: Count,
        left: Count,
        under_way: Count,
      }),
    }),
  ),
});
export type RolloutSeries = z.infer<typeof RolloutSeries>;
