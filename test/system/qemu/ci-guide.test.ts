import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { load } from "js-yaml";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Ended } from "../../cli/examples/device.ts";
import { fencesOf, stepsOf } from "../../docs/walk/guide.ts";
import { readerFolder } from "./reader-folder.ts";
import { SCENARIO_MS } from "./test-board.ts";

const PAGE = "docs/guides/ci-with-qemu.md";
const processor = String(Number(process.env["VITEST_POOL_ID"] ?? 0) % availableParallelism());

let folder: string;
beforeAll(async () => {
  folder = await readerFolder("x86-64-grub");
  const [small = ""] = yaml();
  // The disk of this board has another name.
  writeFileSync(join(folder, "board.yaml"), small.replace("/dev/vda", "/dev/nvme0n1"));
  // The script that the workflows expect has made the image and the Artifact.
  writeFileSync(join(folder, "build-image.sh"), "#!/bin/sh\ntest -e disk.img && test -e release-2.mender\n", {
    mode: 0o755,
  });
}, SCENARIO_MS);
afterAll(() => rm(folder, { recursive: true }));

const yaml = (): readonly string[] =>
  fencesOf(readFileSync(PAGE, "utf8")).flatMap(({ language, text }) => (language === "yaml" ? [text] : []));

/** Runs lines in the reader's folder. The machine binds itself to one of the processors that are left. */
function run(lines: string): Promise<Ended> {
  const env = { ...process.env, PATH: `${join(folder, "bin")}:${process.env["PATH"]}` };
  const child = spawn("taskset", ["--cpu-list", processor, "bash", "-ec", lines], { cwd: folder, env });
  const said = { out: "", err: "" };
  child.stdout.on("data", (chunk: Buffer) => (said.out += chunk.toString("latin1")));
  child.stderr.on("data", (chunk: Buffer) => (said.err += chunk.toString()));
  return new Promise((resolve) => child.once("close", (exit) => resolve({ exit, ...said })));
}

/** Looks at the console until the system is up, and ends the machine with Ctrl-C. */
const LOOK = (line: string): string => `set -m
${line.trim()} >console 2>&1 &
until grep -aq 'board: up, version v1' console; do kill -0 $!; sleep 0.5; done
kill -INT $!; wait $!; cat console`;

const STARTED = /^held {5}start: .*\n {9}Slot A runs with 'v1'\./m;

test(
  "a reader who does what docs/guides/ci-with-qemu.md says, from top to bottom, gets what it says, here with the first scenario",
  async () => {
    const steps = (await stepsOf(PAGE)).flatMap((step) => (step.kind === "run" ? [step.text] : []));
    const [, , look = "", ...tests] = steps;
    expect(steps.slice(0, 2).map((text) => text.split(" ").slice(0, 2).join(" "))).toEqual([
      "apt-get install",
      "apt-get install",
    ]);
    const looked = await run(LOOK(look));
    expect(looked.exit, looked.out + looked.err).toBe(0);
    expect(looked.out).toContain("ssh");
    expect(tests.length).toBeGreaterThan(0);
    for (const text of tests) {
      const ended = await run(`${text.trim()} --scenarios start`);
      expect(ended.exit, ended.out + ended.err).toBe(0);
      expect(ended.out).toMatch(STARTED);
    }
  },
  2 * SCENARIO_MS,
);

/** Lines that install packages, which test/qemu/guide.test.ts compares with those that are installed here. */
const isInstallation = (line: string): boolean => line.includes("apt-get install");

for (const [what, stepsIn] of [
  [
    "GitHub",
    (): readonly string[] => {
      const { jobs } = load(yaml().find((text) => text.includes("runs-on")) ?? "") as {
        readonly jobs: { readonly updates: { readonly steps: readonly { readonly run?: string }[] } };
      };
      return jobs.updates.steps.flatMap((step) => (step.run === undefined ? [] : [step.run]));
    },
  ],
  [
    "GitLab",
    (): readonly string[] => {
      const { updates } = load(yaml().find((text) => text.includes("before_script")) ?? "") as {
        readonly updates: { readonly before_script: readonly string[]; readonly script: readonly string[] };
      };
      return [...updates.before_script, ...updates.script];
    },
  ],
] as const)
  test(
    `the steps of the workflow for ${what} test the image and write the report that it keeps`,
    async () => {
      await rm(join(folder, "report.xml"), { force: true });
      const lines = stepsIn().filter((line) => !isInstallation(line));
      expect(lines.length).toBe(2);
      for (const line of lines) {
        // What GitHub replaces before the shell sees it.
        const shown = line.trim().replaceAll(/\$\{\{ github\.run_number \}\}/g, "7");
        const ended = await run(shown.includes("switchback-qemu") ? `${shown} --scenarios start` : shown);
        expect(ended.exit, ended.out + ended.err).toBe(0);
        if (shown.includes("switchback-qemu")) expect(ended.out).toMatch(STARTED);
      }
      expect(existsSync(join(folder, "report.xml"))).toBe(true);
    },
    SCENARIO_MS,
  );
