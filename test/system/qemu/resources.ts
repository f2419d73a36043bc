import { readFile, stat, writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { beforeAll, describe, expect } from "vitest";
import { replaceSection } from "../../../scripts/lib/crash-section.ts";
import { median } from "../../../scripts/lib/statistics.ts";
import { connectToServer } from "./managed.ts";
import { type QemuBoard, SCENARIO_MS, type Scenarios } from "./test-board.ts";

const PAGE = "docs/performance.md";
const MIB = 1024 * 1024;
const ROUNDS = 5;
/** Until a daemon has sent its inventory, asked for a deployment, and come to rest. */
const REST_MS = 20_000;

/**
 * What the agent costs on a board. The limits are far from what is measured: they find what gets out of hand. With
 * `SWITCHBACK_RECORD=1` the figures go into docs/performance.md.
 */
export function resourceScenarios({ name, board, scenario }: Scenarios): void {
  describe("what it costs", () => {
    const rows: string[] = [];
    beforeAll(() => connectToServer(board()));

    scenario("a daemon that waits holds less than 80 MiB, and less than 20 that are its own", async () => {
      const { server } = board();
      const before = server.of("next").length;
      await board().lookAfter("daemon");
      await board().until("a poll", () => server.of("next").length > before, SCENARIO_MS);
      await setTimeout(REST_MS);
      const status = (await board().shell("cat /proc/$(pidof node)/status")).stdout;
      await board().shell("rm /data/agent; kill $(pidof start-agent) $(pidof node)");
      const mib = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024;
      rows.push(`| idle daemon, resident | ${mib("VmRSS").toFixed(1)} MiB |`);
      rows.push(`| idle daemon, anonymous | ${mib("RssAnon").toFixed(1)} MiB |`);
      expect(mib("VmRSS")).toBeLessThan(80);
      expect(mib("RssAnon")).toBeLessThan(20);
    });

    scenario("'show-artifact' takes less than twice a bare Node", async () => {
      const [bare, shown]: [number[], number[]] = [[], []];
      for (let round = 0; round < ROUNDS; round++) {
        bare.push(await secondsOf(board(), "node -e 0"));
        shown.push(await secondsOf(board(), "switchback show-artifact"));
      }
      const ratio = median(shown) / median(bare);
      rows.push(`| \`node -e 0\` | ${median(bare).toFixed(2)} s |`);
      rows.push(`| \`switchback show-artifact\` | ${median(shown).toFixed(2)} s (${ratio.toFixed(2)} of it) |`);
      expect(ratio).toBeLessThan(2);
    });

    scenario("an install writes and reads back a whole system", async () => {
      const image = await board().system("v7");
      const url = await board().serve({ name: "v7", image });
      const bytes = (await stat(image)).size;
      const seconds = await secondsOf(board(), `switchback install ${url}`);
      expect(await board().switchback("rollback")).toMatchObject({ exitCode: 0 });
      const speed = `${(bytes / MIB / seconds).toFixed(2)} MiB/s`;
      rows.push(
        `| install over HTTP of ${(bytes / MIB).toFixed(1)} MiB, read back | ${seconds.toFixed(0)} s, ${speed} |`,
      );
      process.stderr.write(`${name}:\n${rows.join("\n")}\n`);
      if (process.env["SWITCHBACK_RECORD"] !== undefined) await record(rows);
    });
  });
}

/** Time that a command takes on the board by the board's own clock, which is good for 10 ms. */
async function secondsOf(board: QemuBoard, command: string): Promise<number> {
  const uptime = "read -r now idle </proc/uptime; echo $now";
  const { code, stdout } = await board.shell(`${uptime}; ${command} >/dev/null || exit; ${uptime}`);
  expect(code, command).toBe(0);
  const [from = "", to = ""] = stdout.trim().split("\n");
  return Number(to) - Number(from);
}

async function record(rows: readonly string[]): Promise<void> {
  const begin = "<!-- on-a-board: begin -->";
  const when = `Measured ${new Date().toISOString().slice(0, 10)} in the guest; starts are medians of ${ROUNDS}.`;
  const section = [begin, "", when, "", "| | |", "| --- | --- |", ...rows, "", "<!-- on-a-board: end -->"].join("\n");
  await writeFile(PAGE, replaceSection(await readFile(PAGE, "utf8"), section));
}
