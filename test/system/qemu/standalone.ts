import { describe, expect } from "vitest";
import type { Outcome } from "../../../qemu/harness/outcome.ts";
import { runScenarios } from "../../../qemu/harness/run-scenarios.ts";
import { SCENARIOS } from "../../../qemu/harness/scenarios.ts";
import type { BoardName } from "../../../qemu/image/board.ts";
import { type BrokenBy, buildBrokenSystem } from "../../../qemu/image/system.ts";
import { SCENARIO_MS, type Scenarios } from "./test-board.ts";

const HEALTH_CHECK = "state-scripts/artifact/ArtifactCommit_Enter_50_health-check";
/** Boards with GRUB run them in harness.test.ts and converted-debian.test.ts. */
const EVERY_SCENARIO_ON: BoardName = "vexpress-a9";
const say = (line: string): void => void process.stderr.write(`  ${line}\n`);

const INSTALLED = [
  "Installing artifact...",
  "Installed, but not committed.",
  "Use 'commit' to update, or 'rollback' to roll back the update.",
  "At least one payload requested a reboot of the device it updated.",
];

/** Updates from the command line: they end with v3 in slot A. */
export function standaloneScenarios({ name, board, scenario }: Scenarios): void {
  describe("from the command line", () => {
    scenario("an update from a file is installed, booted on trial, committed, and stays", async () => {
      const url = await board().serve({ name: "v2", image: await board().system("v2") });
      await (await board().machine.guest()).must(`wget -q -O /tmp/v2.mender ${url}`);
      expect(await board().switchback("install", "/tmp/v2.mender")).toEqual({ exitCode: 0, out: INSTALLED, err: [] });
      expect(await board().reboot()).toBe("v2");
      // It has gone down in order: nothing was left to replay.
      expect((await board().shell("cat /run/e2fsck.log")).stdout).toMatch(/^data: clean, .*\ne2fsck of data: 0\n$/);
      expect(await board().switchback("commit")).toEqual({ exitCode: 0, out: ["Committed."], err: [] });
      expect(await board().reboot()).toBe("v2");
      expect(await board().artifactName()).toBe("v2");
    });

    if (name === EVERY_SCENARIO_ON) {
      scenario("what the harness tries on a board of a user holds on ours, over HTTP into both slots", async () => {
        board().offer([await board().artifact({ name: "v3", image: await board().system("v3") })]);
        await board().device.cutPower();
        const told = { begins: () => undefined, ended: ({ name, seconds }: Outcome) => say(`${name}: ${seconds} s`) };
        const outcomes = await runScenarios(board().device, SCENARIOS, told, new AbortController().signal);
        expect(outcomes.filter(({ result }) => result !== "held")).toEqual([]);
        expect(outcomes.length).toBe(SCENARIOS.length);
        expect(await board().powerCycle()).toBe("v3");
      });
    } else {
      scenario("the next one comes over HTTP into the other slot", async () => {
        const url = await board().serve({ name: "v3", image: await board().system("v3") });
        expect((await board().switchback("install", url)).exitCode).toBe(0);
        expect(await board().reboot()).toBe("v3");
        expect(await board().switchback("commit")).toEqual({ exitCode: 0, out: ["Committed."], err: [] });
        expect(await board().powerCycle()).toBe("v3");
        expect(await board().artifactName()).toBe("v3");
      });
    }

    const broken: readonly (readonly [BrokenBy, string])[] = [
      ["a kernel panic", "panics"],
      ["a garbage kernel", "garbage"],
      ["no init", "no-init"],
    ];
    for (const [brokenBy, artifact] of broken) {
      scenario(`a system with ${brokenBy} ends on the old slot by itself`, async () => {
        const before = board().version;
        await install(artifact, brokenBy);
        expect(await board().reboot()).toBe(before);
        await expectRevertedReport();
      });
    }

    scenario("a system that hangs ends on the old slot when the power comes back", async () => {
      const before = board().version;
      await install("hangs", "a hang");
      await board().machine.waitFor(/board: hangs/, SCENARIO_MS / 2, await board().machine.startReboot());
      expect(await board().powerCycle()).toBe(before);
      await expectRevertedReport();
    });

    scenario("a system whose health check fails is rolled back by 'commit'", async () => {
      const before = board().version;
      const conf = { content: "commands='test -e /etc/healthy'\ntries=1\npause_seconds=0\n", mode: 0o644 };
      const image = await board().system("v4", { "etc/switchback/scripts/health-check.conf": conf });
      const url = await board().serve({ name: "v4", image, scripts: [HEALTH_CHECK] });
      expect((await board().switchback("install", url)).exitCode).toBe(0);
      expect(await board().reboot()).toBe("v4");
      const commit = await board().switchback("commit");
      expect(commit.exitCode).toBe(1);
      expect(commit.out).toEqual([
        "Committing failed.",
        "Rolled back.",
        "At least one payload requested a reboot of the device it updated.",
      ]);
      expect(await board().reboot()).toBe(before);
      expect(await board().artifactName()).not.toBe("v4");
    });

    async function install(artifact: string, brokenBy: BrokenBy): Promise<void> {
      const url = await board().serve({
        name: artifact,
        image: await buildBrokenSystem(board().bench.board, brokenBy),
      });
      expect((await board().switchback("install", url)).exitCode).toBe(0);
    }

    /** The boot loader has gone back: `commit` says so, and the next update finds nothing in its way. */
    async function expectRevertedReport(): Promise<void> {
      const commit = await board().switchback("commit");
      expect(commit.exitCode).toBe(1);
      expect(commit.out).toContain("Committing failed.");
      expect(commit.err.join("\n")).toContain("BOOT_REVERTED");
      expect(await board().switchback("commit")).toMatchObject({ exitCode: 2 });
    }
  });
}
