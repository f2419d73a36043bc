import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { benchImage } from "./bench-images.ts";
import { benchWrite } from "./bench-write.ts";
import { spread, table } from "./statistics.ts";

const SLOT_MIB = 416;
const ARTIFACT_MIB = 1024;
/** Both images have these partitions: 1 GiB with the tables. */
const BOARD = `name: bench
deviceType: bench
disk: { label: gpt, alignment: 8M, size: 1G, device: /dev/sda }
partitions:
  - { role: boot, size: 64M, files: [{ from: kernel, to: kernel }] }
  - { role: rootfsA, size: ${SLOT_MIB}M }
  - { role: rootfsB, size: ${SLOT_MIB}M }
  - { role: data, size: 96M }
bootloader: { kind: none }
`;

const genimageConfig = (rootfs: string): string => `
image boot.vfat { vfat { files = { "kernel" } } size = 64M }
${rootfs === "folder" ? `image rootfs.ext4 { ext4 { use-mke2fs = true } size = ${SLOT_MIB}M }` : ""}
image data.ext4 { ext4 { use-mke2fs = true } size = 96M empty = true }
image disk.img {
  size = 1G
  hdimage { partition-table-type = "gpt" align = 8M }
  partition boot { image = "boot.vfat" partition-type-uuid = "U" }
  partition rootfsA { image = "rootfs.ext4" size = ${SLOT_MIB}M }
  partition rootfsB { size = ${SLOT_MIB}M }
  partition data { image = "data.ext4" }
}
`;

/** Creates a disk image of 1 GiB beside genimage, and writes an Artifact of 1 GiB beside mender-artifact. */
export async function benchDisk(rounds: number): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "switchback-bench-"));
  const at = (name: string): string => join(dir, name);
  try {
    for (const name of ["inputs", "root", "out"]) mkdirSync(at(name));
    writeFileSync(at("board.yaml"), BOARD);
    for (const name of ["kernel", "inputs/kernel"]) writeFileSync(at(name), Buffer.alloc(8 * 1024 * 1024, "kernel"));
    // Files of this machine, as a root filesystem has them.
    must(["debugfs", "-R", `rdump files ${at("root")}`, benchImage(ARTIFACT_MIB / 4).image]);
    const runs = new Map<string, { wall: number; peakMib: number }[]>();
    for (let round = 0; round < rounds; round++) {
      for (const rootfs of ["folder", "image"]) {
        const source = rootfs === "folder" ? at("root") : at("inputs/rootfs.ext4");
        const create = ["node", "dist/switchback.mjs", "image", "create", at("board.yaml"), "--rootfs", source];
        const extra = rootfs === "folder" ? ["--rootfs-output", at("inputs/rootfs.ext4")] : [];
        // The image for the second case. It is made before the measurement.
        if (extra.length > 0) must([...create, ...extra, "-o", at("disk.img")]);
        writeFileSync(at("genimage.cfg"), genimageConfig(rootfs));
        rmSync(at("tmp"), { recursive: true, force: true });
        const paths = [
          "--rootpath",
          at("root"),
          "--inputpath",
          at("inputs"),
          "--outputpath",
          at("out"),
          "--tmppath",
          at("tmp"),
        ];
        const cases: Readonly<Record<string, readonly string[]>> = {
          genimage: ["genimage", "--config", at("genimage.cfg"), ...paths],
          switchback: [...create, "-o", at("disk.img")],
        };
        for (const [name, command] of Object.entries(cases)) {
          const key = `from ${rootfs === "folder" ? "a folder" : "an image"}: ${name}`;
          runs.set(key, [...(runs.get(key) ?? []), measured(command, at("memory"))]);
        }
      }
    }
    const rows = [...runs].map(([key, found]) => [
      key,
      spread(
        found.map(({ wall }) => wall),
        2,
      ),
      Math.max(...found.map(({ peakMib }) => peakMib)).toFixed(0),
    ]);
    return `${table(["1 GiB image", "wall s", "peak RSS MiB"], rows)}\n\n${await benchWrite(rounds, [ARTIFACT_MIB])}`;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The peak is that of the largest process. */
function measured(command: readonly string[], memory: string): { wall: number; peakMib: number } {
  const start = process.hrtime.bigint();
  must(["/usr/bin/time", "-o", memory, "-f", "%M", ...command]);
  const wall = Number(process.hrtime.bigint() - start) / 1e9;
  return { wall, peakMib: Number(readFileSync(memory, "utf8")) / 1024 };
}

function must([program = "", ...args]: readonly string[]): void {
  const env = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` };
  const done = spawnSync(program, args, { encoding: "utf8", env, stdio: ["ignore", "ignore", "pipe"] });
  if (done.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${done.error?.message ?? done.stderr}`);
}
