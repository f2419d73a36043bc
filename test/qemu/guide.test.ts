import { readFileSync } from "node:fs";
import { load } from "js-yaml";
import { expect, test } from "vitest";
import { MachineSchema } from "../../qemu/board/hardware.ts";
import { parseHarnessBoard } from "../../qemu/board/harness-board.ts";
import { runCommandLine } from "../../qemu/cli/command-line.ts";
import { FAULTS } from "../../qemu/harness/faults.ts";
import { SCENARIO_NAMES } from "../../qemu/harness/test-image.ts";
import { RecordingIo } from "../support/recording-io.ts";

const page = readFileSync("docs/guides/ci-with-qemu.md", "utf8");
const yaml = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text = ""]) => text);
const [small = "", uBoot = "", github = "", gitlab = ""] = yaml;

/** Names in the first column of the table below a heading or sentence. */
function columnAfter(text: string): readonly string[] {
  const table = page.slice(page.indexOf(text)).split(/^\| --- .*\n/m)[1] ?? "";
  const [rows = ""] = table.split("\n\n");
  return rows
    .split("\n")
    .flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
}

async function help(...argv: readonly string[]): Promise<string> {
  const io = new RecordingIo();
  await runCommandLine([...argv, "--help"], io);
  return io.outLines.join("\n");
}

const optionsIn = (text: string): readonly string[] => [
  ...new Set([...text.matchAll(/(?<=\s)--[a-z][a-z-]*/g)].map(([name]) => name)),
];

interface Step {
  readonly run?: string;
}

test("both board files of the guide are valid", () => {
  expect(parseHarnessBoard(small, "board.yaml").hardware.diskDevices).toEqual([
    "virtio-blk-pci,drive=disk,bootindex=0",
  ]);
  expect(parseHarnessBoard(uBoot, "board.yaml").hardware).toMatchObject({
    program: "qemu-system-arm",
    kernel: expect.any(String),
  });
});

test("the guide lists every key of a machine, every scenario and every fault", () => {
  const keys = columnAfter("Describe your board").filter((key) => !key.includes("."));
  expect(keys.toSorted()).toEqual(
    ["program", "arguments", ...Object.keys(MachineSchema.def.shape)]
      .filter((key, index, all) => all.indexOf(key) === index)
      .toSorted(),
  );
  expect(columnAfter("## Test it")).toEqual(SCENARIO_NAMES);
  const named = columnAfter("## What it names");
  expect(Object.keys(FAULTS).filter((fault) => !named.includes(fault))).toEqual(["image-unusable", "harness"]);
});

test("the workflows for GitHub and GitLab are YAML, and call commands and packages that exist", async () => {
  const workflow = load(github) as { readonly jobs: Readonly<Record<string, { readonly steps: readonly Step[] }>> };
  const pipeline = load(gitlab) as {
    readonly updates: { readonly before_script: readonly string[]; readonly script: readonly string[] };
  };
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps.flatMap(({ run }) => run ?? []));
  const lines = [...steps, ...pipeline.updates.before_script, ...pipeline.updates.script];
  const calls = lines.filter((line) => line.includes("switchback-qemu"));
  expect(calls.length).toBe(2);
  const known = optionsIn(await help("test"));
  for (const call of calls) {
    expect(call).toMatch(/switchback-qemu test disk\.img /);
    expect(optionsIn(call).filter((option) => !known.includes(option))).toEqual([]);
  }
  const installed = readFileSync("test/debian-packages.txt", "utf8");
  const packages = lines.flatMap((line) => /install -y (.*)/.exec(line)?.[1]?.split(" ") ?? []);
  expect(packages.length).toBe(8);
  for (const name of packages) expect(installed).toMatch(new RegExp(`^${name} .*\\bqemu\\b`, "m"));
});

test("every option of the guide exists", async () => {
  const known = optionsIn(`${await help("test")} ${await help("run")}`);
  const used = optionsIn(page).filter((option) => !known.includes(option));
  expect(used).toEqual([]);
});
