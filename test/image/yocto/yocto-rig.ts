import { execFileSync } from "node:child_process";
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { VERSION } from "../../../src/version.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { type CliResult, cli } from "../../support/test-board.ts";
import { put } from "../image-rig.ts";

export type Build = Readonly<Record<string, string>>;

/** A board whose images are small. */
const SMALL: Build = {
  MACHINE: "test-board",
  MENDER_ARTIFACT_NAME: "release-1",
  MENDER_STORAGE_TOTAL_SIZE_MB: "56",
  MENDER_DATA_PART_SIZE_MB: "4",
  MENDER_PARTITION_ALIGNMENT: "1048576",
  KERNEL_IMAGETYPE: "zImage",
  KERNEL_DEVICETREE: "arm/board.dtb",
  SERIAL_CONSOLES: "115200;ttyS0",
};

const ENVIRONMENT = "kernel_addr_r=0x60100000\nfdt_addr_r=0x62f00000\nbootcmd=run distro_bootcmd\nbootdelay=0\n";

/** A folder in which images are built, as a class of the layer does it. */
export class YoctoBuild {
  readonly folder: string;
  #made = 0;

  constructor(folder: string) {
    this.folder = folder;
    put(folder, {
      "u-boot-initial-env": ENVIRONMENT,
      "boot/EFI/BOOT/bootx64.efi": "MZ",
      "data/app/settings": "a=1\n",
      "u-boot.bin": "U-Boot ".repeat(1000),
    });
    put(join(folder, "base"), {
      "usr/lib/os-release": 'PRETTY_NAME="Test Linux 1"\n',
      "usr/lib/systemd/systemd": "",
      "usr/bin/node": "#!",
      "usr/lib/switchback/switchback.mjs": "#!/usr/bin/env node\n",
      "usr/lib/switchback/chunks/start-0.mjs": `var a="x",b="${VERSION}";`,
      "etc/fstab": "tmpfs /tmp tmpfs defaults 0 0\n",
      "etc/machine-id": "",
      "boot/zImage": "kernel",
      node: "",
    });
    const link = (path: string, target: string): void => {
      mkdirSync(join(folder, "base", path, ".."), { recursive: true });
      symlinkSync(target, join(folder, "base", path));
    };
    // Where the programs of this machine are mounted, when it plays the device.
    for (const name of ["dev", "proc", "sys", "run", "tmp", "program"]) {
      mkdirSync(join(folder, "base", name), { recursive: true });
    }
    for (const name of ["bin", "sbin", "lib", "lib64"]) link(name, `usr/${name}`);
    link("var/lock", "../run/lock");
    link("usr/bin/switchback", "../lib/switchback/switchback.mjs");
    link("var/lib/mender", "/data/mender");
    link("etc/systemd/system/multi-user.target.wants/switchback.service", "/usr/lib/systemd/system/switchback.service");
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Runs a verb with the variables. */
  async verb(name: string, build: Build, ...options: readonly string[]): Promise<CliResult> {
    const file = this.path(`build-${this.#made++}.json`);
    writeFileSync(file, JSON.stringify({ ...SMALL, ...build }));
    return await cli(
      "switchback",
      ["yocto", name, "--variables", file, ...options],
      new RecordingIo(false, process.env),
    );
  }

  /** A verb that must succeed. @returns what it prints */
  async done(name: string, build: Build, ...options: readonly string[]): Promise<string> {
    const { exitCode, out, err } = await this.verb(name, build, ...options);
    if (exitCode !== 0) throw new Error(`${name}: ${err.join("\n")}`);
    return out.join("\n");
  }

  /** The root filesystem, with the files that the variables ask for. */
  async rootfs(build: Build, mib = 8): Promise<{ readonly image: string; readonly configuration: string }> {
    const work = this.path(`work-${this.#made++}`);
    mkdirSync(work);
    const [tree, configuration, image] = [join(work, "tree"), join(work, "configuration"), join(work, "rootfs.ext4")];
    await this.done("configuration", build, "--output", configuration);
    cpSync(this.path("base"), tree, { recursive: true, verbatimSymlinks: true });
    cpSync(join(configuration, "rootfs"), tree, { recursive: true });
    appendFileSync(join(tree, "etc/fstab"), readFileSync(join(configuration, "fstab")));
    const env = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` };
    if (build["ARTIFACTIMG_FSTYPE"] === "squashfs") {
      execFileSync("mksquashfs", [tree, image, "-quiet", "-no-progress", "-all-root"], { env, stdio: "ignore" });
      return { image, configuration };
    }
    execFileSync("mke2fs", ["-q", "-t", "ext4", "-d", tree, image, `${mib}M`], {
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    return { image, configuration };
  }

  /** The disk of a build, with its root filesystem. */
  async disk(build: Build, kind: "sdimg" | "gptimg", more: readonly string[] = []) {
    const all = { IMAGE_FSTYPES: kind, ...build };
    const { image: rootfs, configuration } = await this.rootfs(all);
    const image = this.path(`disk-${this.#made++}.img`);
    const content = ["--data-content", this.path("data")];
    const given = [...content, "--boot-files", this.path("boot"), "--environment", this.path("u-boot-initial-env")];
    const inputs = ["--kind", kind, "--rootfs", rootfs, "--output", image];
    const made = JSON.parse(await this.done("disk", all, ...inputs, ...given, ...more, "--json"));
    return { image, rootfs, configuration, made: made as MadeDisk };
  }
}

export interface MadeDisk {
  readonly size: number;
  readonly table: string;
  readonly warnings: readonly string[];
  readonly partitions: readonly {
    readonly number: number;
    readonly role: string;
    readonly start: number;
    readonly size: number;
  }[];
}

/** The bytes of a file between two places. */
export async function bytesOf(path: string, start: number, length: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, length, start);
    return bytes;
  } finally {
    await file.close();
  }
}

/** U-Boot's environment of a disk, as `fw_printenv` reads it with the `fw_env.config` of its root filesystem. */
export function printedEnvironment(image: string, configuration: string): ReadonlyMap<string, string> {
  const config = join(configuration, "rootfs/etc/fw_env.config");
  const here = `${image}.fw_env.config`;
  if (!existsSync(config)) return new Map();
  writeFileSync(here, readFileSync(config, "utf8").replaceAll(/^\S+/gm, image));
  const text = execFileSync("fw_printenv", ["-c", here], { encoding: "utf8" });
  return new Map(
    text
      .trim()
      .split("\n")
      .map((line) => [line.split("=")[0] ?? "", line.slice(line.indexOf("=") + 1)]),
  );
}
