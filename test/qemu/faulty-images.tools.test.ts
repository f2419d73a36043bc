import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashOfFile } from "../../image/cache.ts";
import { runCommandLine } from "../../qemu/cli/command-line.ts";
import type { TestReport } from "../../qemu/harness/outcome.ts";
import { rootfsRequest } from "../artifact/artifact-requests.ts";
import { dataPartition, environmentBytes, uBootDisk } from "../image/inspect/board-images.ts";
import { type FixtureDisk, type FixturePartition, type Tree, writeDisk } from "../image/inspect/disk-fixture.ts";
import { RecordingIo } from "../support/recording-io.ts";
import { writeArtifact } from "../support/write-artifact.ts";

const MIB = 1024 * 1024;
const UNIT = "etc/systemd/system/multi-user.target.wants/switchback.service";

const folder = mkdtempSync(join(tmpdir(), "switchback-faulty-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string): string => join(folder, name);

let environment: Buffer;
beforeAll(async () => {
  mkdirSync(path("dist/chunks"), { recursive: true });
  writeFileSync(path("dist/switchback.mjs"), "#!/usr/bin/env node\n");
  environment = environmentBytes(folder);
  // A machine that ends at once: a fault that an inspection shows must start none.
  writeFileSync(path("board.yaml"), "name: b\nqemu: { machine: { program: /bin/false, firmware: none } }\n");
  await release("next.mender", 12, "test-board");
});

async function release(name: string, mib: number, deviceType: string): Promise<void> {
  writeFileSync(path("rootfs"), "x");
  truncateSync(path("rootfs"), mib * MIB);
  const request = { ...rootfsRequest(path("rootfs")), name: "release-2", deviceTypes: [deviceType] };
  await writeArtifact(request, path(name), () => undefined, new AbortController().signal);
}

const board = (tree: Tree = {}, data?: FixturePartition): FixtureDisk =>
  uBootDisk(path("dist"), environment, tree, data);

function without(disk: FixtureDisk, names: readonly string[]): FixtureDisk {
  const partitions = disk.partitions.map((partition) => ({
    ...partition,
    files: Object.fromEntries(Object.entries(partition.files ?? {}).filter(([name]) => !names.includes(name))),
  }));
  return { ...disk, partitions };
}

async function tried(disk: FixtureDisk, artifact = "next.mender", ...more: readonly string[]) {
  await writeDisk(path("disk.img"), disk);
  const before = await hashOfFile(path("disk.img"));
  const io = new RecordingIo();
  const options = ["--board", path("board.yaml"), "--artifact", path(artifact), "--json", ...more];
  await runCommandLine(["test", path("disk.img"), ...options], io);
  expect(await hashOfFile(path("disk.img"))).toBe(before);
  const report: TestReport = JSON.parse(io.outLines.join("\n"));
  return { report, exitCode: io.exitCode };
}

const faultsIn = ({ outcomes }: TestReport): readonly string[] => outcomes.flatMap(({ fault }) => fault ?? []);

const FAULTY: Readonly<Record<string, readonly [fault: string, found: RegExp, disk: () => FixtureDisk]>> = {
  "one slot is smaller than the other": [
    "slots-differ",
    /partitions 2 and 3 have different sizes: 16 MiB and 12 MiB/,
    () => {
      const disk = board();
      return { ...disk, partitions: disk.partitions.map((each, index) => (index === 2 ? { ...each, mib: 12 } : each)) };
    },
  ],
  "the data partition is not mounted": [
    "data-not-mounted",
    /data partition: \/var\/lib\/mender is missing/,
    () => board({ "etc/fstab": "" }, { ...dataPartition(), label: "other" }),
  ],
  "no unit starts the agent": [
    "agent-not-started",
    /no unit of systemd starts the agent/,
    () => without(board(), [UNIT]),
  ],
  "the agent is not there": [
    "agent-missing",
    /agent: none/,
    () => without(board(), ["usr/lib/switchback", "usr/bin/switchback", "usr/bin/mender"]),
  ],
  "U-Boot's environment is at another offset than the agent's configuration says": [
    "environment-place",
    /no copy is valid: \/dev\/mmcblk0 0x800000; \/dev\/mmcblk0 0x1000000/,
    () => ({ ...board(), raw: [[0x900000, environment]] }),
  ],
};

for (const [title, [fault, found, disk]] of Object.entries(FAULTY))
  test(`named before anything starts: ${title}`, async () => {
    const { report, exitCode } = await tried(disk());
    expect(faultsIn(report)).toEqual([fault]);
    const failed = report.outcomes.find(({ result }) => result === "failed");
    expect(failed?.found).toMatch(found);
    expect(failed?.advice).toMatch(/\.$/);
    expect(report.outcomes.find(({ name }) => name === "start")?.result).toBe("skipped");
    expect({ exitCode, ok: report.ok }).toEqual({ exitCode: 1, ok: false });
  });

test("an Artifact that does not fit, is for another device, or is none fails the test", async () => {
  await release("large.mender", 17, "test-board");
  await release("other.mender", 1, "other-board");
  writeFileSync(path("none.mender"), "no Artifact");
  const found = async (name: string): Promise<readonly [readonly string[], string | undefined]> => {
    const { report } = await tried(board(), name);
    return [faultsIn(report), report.outcomes.find((each) => each.name === "artifact")?.found];
  };
  expect(await found("large.mender")).toEqual([
    ["slot-too-small"],
    "'release-2' writes 17 MiB, and slot A, partition 2, has 16 MiB.",
  ]);
  expect(await found("other.mender")).toEqual([
    ["artifact-unusable"],
    "'release-2' is for other-board, and the image is of type test-board.",
  ]);
  expect((await found("none.mender"))[1]).toMatch(/^ARTIFACT_/);
});

test("an agent that the image does not have is told from the one that it has", async () => {
  const { report } = await tried(board(), "next.mender", "--agent", "mender");
  expect(report.outcomes.find(({ fault }) => fault !== undefined)).toMatchObject({
    fault: "agent-missing",
    advice: "Use --agent switchback.",
  });
});

test("a sound image reaches the machine, and a machine that does not start is no verdict on it", async () => {
  const { report, exitCode } = await tried(board());
  expect(faultsIn(report)).toEqual(["harness"]);
  expect(report.outcomes.find(({ name }) => name === "start")?.found).toContain("QEMU did not start");
  expect(exitCode).toBe(1);
});

test("without two slots, no update can be tried, whatever the user wishes", async () => {
  const disk = board();
  await writeDisk(path("disk.img"), { ...disk, partitions: disk.partitions.slice(0, 2) });
  const io = new RecordingIo();
  const options = ["--board", path("board.yaml"), "--artifact", path("next.mender"), "--boot-anyway"];
  await runCommandLine(["test", path("disk.img"), ...options], io);
  expect([io.exitCode, io.errLines.at(-1)]).toEqual([1, expect.stringContaining("HARNESS_SLOTS")]);
});
