import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import ssh2 from "ssh2";
import { expect } from "vitest";
import { hashOfFile } from "../../../image/cache.ts";
import { copyRange } from "../../../image/convert/copy-range.ts";
import { readPartitionTable } from "../../../image/partition-table.ts";
import type { TestReport } from "../../../qemu/harness/outcome.ts";
import { SCENARIO_NAMES } from "../../../qemu/harness/test-image.ts";
import { needs } from "../../support/needs.ts";
import { cli } from "../../support/test-board.ts";
import { plainDebian } from "./plain-debian.ts";
import { roomyFolder } from "./test-board.ts";

const { test } = needs("root");
const TEST_MS = 3_600_000;
const CUTS = 1;
const PROGRAM = "dist/qemu/switchback-qemu.mjs";

/** As in docs/guides/convert-image.md: nothing in it is for QEMU. */
const BOARD = `name: pc-debian
deviceType: pc-debian
console: ttyS0,115200
disk: { label: gpt, alignment: 8M, device: /dev/nvme0n1 }
partitions:
  - { role: boot, size: 32M, mount: /boot/efi }
  - { role: rootfsA, size: 480M }
  - { role: rootfsB, size: 480M }
  - { role: data, size: 64M, mount: /data }
bootloader: { kind: grub, script: grub.cfg }
`;

test(
  "all that the harness tries holds on a converted image of Debian, which it has never seen and does not change",
  async () => {
    const folder = await mkdtemp(join(await roomyFolder(), "switchback-converted-"));
    const path = (name: string): string => join(folder, name);
    try {
      writeFileSync(path("board.yaml"), BOARD);
      // When the machine of the tests is busy, the emulated timer is late, and the kernel would stop.
      const script = readFileSync("image/boards/pc-debian.cfg", "utf8").replace(" panic=1", " panic=1 no_timer_check");
      writeFileSync(path("grub.cfg"), script);
      const keys = ssh2.utils.generateKeyPairSync("ed25519");
      writeFileSync(path("key"), keys.private, { mode: 0o600 });
      const debian = await plainDebian(folder, `${keys.public}\n`);
      const disk = path("disk.img");
      const argv = ["image", "convert", debian, "--board", path("board.yaml"), "-o", disk, "--agent", "dist"];
      const converted = await cli("switchback", [...argv, "-n", "v1"]);
      expect({ ...converted, out: [] }).toEqual({ exitCode: 0, out: [], err: [], log: [] });
      await rm(debian);
      await writeUpdate(disk, folder, path("v2.mender"));
      const before = await hashOfFile(disk);

      const options = ["--board", path("board.yaml"), "--artifact", path("v2.mender"), "--ssh-key", path("key")];
      const more = ["--cuts", String(CUTS), "--start-timeout", "900", "--json", "--junit", path("report.xml")];
      const { stdout, stderr, status } = spawnSync(PROGRAM, ["test", disk, ...options, ...more], {
        encoding: "utf8",
        maxBuffer: 16 * 1024 * 1024,
      });
      const report: TestReport = JSON.parse(stdout);
      for (const { name, seconds } of report.outcomes) if (seconds > 0) say(`${name}: ${seconds} s`);
      expect(report.outcomes.filter(({ result }) => result !== "held")).toEqual([]);
      expect(report.outcomes.map(({ name }) => name)).toEqual(expect.arrayContaining([...SCENARIO_NAMES]));
      expect({
        status,
        ok: report.ok,
        cuts: stderr.match(/^cut 1 of 1 at .*: rests on the \w+ system$/m)?.length,
      }).toEqual({
        ...{ status: 0, ok: true, cuts: 1 },
      });
      expect(await hashOfFile(disk)).toBe(before);
      const count = "import sys, xml.etree.ElementTree as t; print(t.parse(sys.argv[1]).getroot().attrib)";
      const counted = execFileSync("python3", ["-c", count, path("report.xml")]).toString();
      expect(counted).toContain(`'tests': '${report.outcomes.length}', 'failures': '0'`);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
  TEST_MS,
);

const say = (line: string): void => void process.stderr.write(`converted Debian: ${line}\n`);

/** The system of slot A with another version. */
async function writeUpdate(disk: string, folder: string, artifact: string): Promise<void> {
  const slot = (await readPartitionTable(disk))?.partitions[1];
  const image = join(folder, "v2.ext4");
  const { offset = 0, size = 0 } = slot ?? {};
  await copyRange({ path: disk, offset, size }, image, new AbortController().signal);
  writeFileSync(join(folder, "version"), "v2\n");
  const input = `rm /etc/version\nwrite ${join(folder, "version")} /etc/version\n`;
  execFileSync("debugfs", ["-w", "-f", "-", image], { input, stdio: ["pipe", "ignore", "ignore"] });
  const argv = ["artifact", "write", "rootfs-image", "-t", "pc-debian", "-n", "v2", "-f", image, "-o", artifact];
  const written = await cli("switchback", [...argv, "--no-progress", "--compression", "none"]);
  expect(written.exitCode).toBe(0);
  await rm(image);
}
