import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Ended } from "../../cli/examples/device.ts";
import type { Lab } from "../../cli/examples/lab.ts";
import { BootedDebian } from "../../support/booted-debian.ts";
import type { BuiltProgram } from "../../support/built-program.ts";
import { packedDebian, packNode } from "../../support/debian-root.ts";
import { attachDisk } from "./uboot-machine.ts";

const BOARD = `name: my-board
deviceType: my-board
disk: { label: dos, device: /dev/mmcblk0, start: 24M }
partitions:
  - { role: boot, size: 16M }
  - { role: rootfsA, size: 640M }
  - { role: rootfsB, size: 640M }
  - { role: data, size: 64M, mount: /data }
bootloader: { kind: u-boot, environment: { variables: env.txt, size: 128K, offsets: [8M, 16M] } }
`;
const VARIABLES =
  "mender_boot_part=2\nmender_boot_part_hex=2\nupgrade_available=0\nbootcount=0\nbootlimit=1\nmender_saveenv_canary=1\n";

/** A device with two slots, U-Boot's environment and a data partition that runs Debian 12 with Node, without an agent. */
export class DebianDevice {
  readonly machine: BootedDebian;
  readonly #folder: string;
  readonly #disk: ReadonlyMap<string, string>;

  static async boot(program: BuiltProgram): Promise<DebianDevice> {
    const folder = mkdtempSync(join(tmpdir(), "switchback-debian-device-"));
    const path = (name: string): string => join(folder, name);
    writeFileSync(path("board.yaml"), BOARD);
    writeFileSync(path("env.txt"), VARIABLES);
    mkdirSync(path("empty/data"), { recursive: true });
    const argv = ["image", "create", path("board.yaml"), "--rootfs", path("empty"), "--output", path("disk.img")];
    const { exitCode, err } = await program.run(...argv);
    if (exitCode !== 0) throw new Error(err.join("\n"));
    const parts = attachDisk(path("disk.img"));
    const disk = new Map([...parts].map(([part, at]) => [part === "disk" ? "mmcblk0" : `mmcblk0${part}`, at]));
    const machine = await BootedDebian.boot(disk, join(await packedDebian(), "root.tar"));
    const device = new DebianDevice(folder, disk, machine);
    await device.#prepare();
    return device;
  }

  private constructor(folder: string, disk: ReadonlyMap<string, string>, machine: BootedDebian) {
    this.#folder = folder;
    this.#disk = disk;
    this.machine = machine;
  }

  async #prepare(): Promise<void> {
    await this.must("echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/tests");
    const { out } = await this.machine.run("find /lib /lib64 /usr/lib -name '*.so*'");
    const node = packNode(process.versions.node, (path) => out.includes(`/${basename(path)}\n`));
    await this.bring(node);
    rmSync(node);
    await this.must(`dpkg -i /packages/${basename(node)} && rm /packages/${basename(node)}`);
    await this.must("printf '/dev/mmcblk0 0x800000 0x20000\\n/dev/mmcblk0 0x1000000 0x20000\\n' >/etc/fw_env.config");
  }

  /** Runs a line as a reader does, in the folder of the packages. */
  run(line: string, input = ""): Promise<Ended> {
    return this.machine.run(`cd /packages\n${line}`, input);
  }

  /** Lets the device, and the services on it, reach the servers behind the proxy of the lab. */
  async joinNetwork({ network: { proxy, authorities } }: Lab): Promise<void> {
    this.machine.env["https_proxy"] = proxy;
    await this.must("mkdir -p /etc/ssl/certs && cat >/etc/ssl/certs/ca-certificates.crt", authorities);
    await this.must(`echo 'https_proxy=${proxy}' >/etc/default/switchback`);
  }

  /** Copies files to /packages. */
  async bring(...paths: readonly string[]): Promise<void> {
    execFileSync("cp", ["--sparse=always", ...paths, this.machine.packages]);
  }

  async must(line: string, input = ""): Promise<string> {
    const { exit, out, err } = await this.machine.run(line, input);
    if (exit !== 0) throw new Error(`${line}: ${exit}: ${out}${err}`);
    return out;
  }

  async remove(): Promise<void> {
    await this.machine.powerOff();
    for (const path of this.#disk.values()) execFileSync("losetup", ["--detach", path]);
    rmSync(this.#folder, { recursive: true });
  }
}
