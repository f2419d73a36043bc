import { expect, test } from "vitest";
import { cutLine, cutPower } from "./power-cuts.ts";
import { SCENARIO_MS } from "./test-board.ts";

const CUTS = 6;
const SEED = 6;

test(
  `the power fails ${CUTS} times in updates of vexpress-a9: it always comes up on a complete system`,
  async () => {
    const tell = (line: string): void => void process.stderr.write(`vexpress-a9: ${line}\n`);
    const statistics = await cutPower("vexpress-a9", CUTS, SEED, tell);
    tell(cutLine(statistics));
    expect(statistics).toMatchObject({ cuts: CUTS, broken: [] });
  },
  3 * SCENARIO_MS,
);
