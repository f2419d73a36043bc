import { writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { cutLine, duringTable } from "../../../qemu/harness/power-cuts.ts";
import { cutPowerOf } from "./power-cuts.ts";
import { SCENARIO_MS } from "./test-board.ts";

const CUTS = Number(process.env["SWITCHBACK_QEMU_CUTS"] ?? 6);
const SEED = Number(process.env["SWITCHBACK_QEMU_SEED"] ?? 6);

test(
  `the power fails ${CUTS} times in updates of vexpress-a9: it always comes up on a complete system`,
  async () => {
    const tell = (line: string): void => void process.stderr.write(`vexpress-a9: ${line}\n`);
    const statistics = await cutPowerOf("vexpress-a9", CUTS, SEED, tell);
    tell(cutLine(statistics));
    expect(statistics.broken).toEqual([]);
    expect(statistics.records.length).toBe(CUTS);
    const path = process.env["SWITCHBACK_QEMU_RESULT"];
    if (path !== undefined) await writeFile(path, `${cutLine(statistics)}.\n\n${duringTable(statistics)}\n`);
  },
  (CUTS + 2) * SCENARIO_MS,
);
