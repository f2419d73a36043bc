import { execFileSync } from "node:child_process";
import { createReadStream, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { copyRange } from "../../../image/convert/copy-range.ts";
import { readPartitionTable } from "../../../image/partition-table.ts";
import { loadBoard } from "../../../qemu/image/board.ts";
import { Machine } from "../../../qemu/rig/machine.ts";
import { needs } from "../../support/needs.ts";
import { cli } from "../../support/test-board.ts";
import { plainDebian } from "./plain-debian.ts";

const { test } = needs("root");
/** Emulated processors are slow, and this system starts with systemd and an initramfs. */
const START_MS = 900_000;
const TEST_MS = 3_600_000;

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
rootfs: { files: [{ to: etc/update-url, text: "@URL@" }] }
`;

test(
  "a converted image of Debian starts, takes an update, and returns to the old system after a power cut",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "switchback-converted-"));
    const artifact = join(folder, "v2.mender");
    const server = createServer((_, response) => {
      response.setHeader("Content-Length", statSync(artifact).size);
      createReadStream(artifact).pipe(response);
    });
    await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
    let machine: Machine | undefined;
    try {
      const { port } = server.address() as AddressInfo;
      writeFileSync(join(folder, "board.yaml"), BOARD.replace("@URL@", `http://10.0.2.2:${port}/v2.mender`));
      // When the machine of the tests is busy, the emulated timer is late, and the kernel would stop.
      const script = readFileSync("image/boards/pc-debian.cfg", "utf8").replace(" panic=1", " panic=1 no_timer_check");
      writeFileSync(join(folder, "grub.cfg"), script);
      const disk = join(folder, "disk.img");
      const debian = await plainDebian(folder);
      const argv = ["image", "convert", debian, "--board", join(folder, "board.yaml"), "-o", disk, "--agent", "dist"];
      const converted = await cli("switchback", [...argv, "-n", "v1"]);
      expect({ ...converted, out: [] }).toEqual({ exitCode: 0, out: [], err: [], log: [] });
      await rm(debian);
      await writeUpdate(disk, folder, artifact);

      const board = await loadBoard("x86-64-grub");
      const processor = Number(process.env["VITEST_POOL_ID"] ?? 0);
      const start = async (): Promise<Machine> => {
        machine = await Machine.start({ board, disk, folder, processor });
        return machine;
      };
      const first = await start();
      await first.waitFor(/device: up with v1, doctor: .* 0 wrong: an update can be installed/, START_MS);
      await first.waitFor(/device: installed, restarting/, START_MS);
      await first.waitFor(/device: on trial/, START_MS);
      await first.cutPower();

      const second = await start();
      await second.waitFor(/device: up with v1/, START_MS);
      await second.waitFor(/device: after the power cut: .*BOOT_REVERTED/, START_MS);
      await second.cutPower();
      const shown = await cli("switchback", ["image", "inspect", "--json", disk]);
      const report = JSON.parse(shown.out[0] ?? "");
      expect(report.bootloader.boots).toEqual({ slot: "A", partition: 2, trial: false });
      expect(report.artifact.name).toBe("v1");
    } finally {
      await machine?.cutPower();
      server.close();
      await rm(folder, { recursive: true });
    }
  },
  TEST_MS,
);

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
