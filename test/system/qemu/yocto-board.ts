import { spawnSync } from "node:child_process";
import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { expect } from "vitest";
import { run } from "../../../image/run.ts";
import type { TestReport } from "../../../qemu/harness/outcome.ts";
import { type BoardName, loadBoard } from "../../../qemu/image/board.ts";
import { buildUBoot } from "../../../qemu/image/u-boot.ts";
import { writeSystemTree } from "../../../scripts/yocto/bootable.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { cli } from "../../support/test-board.ts";
import { roomyFolder } from "./test-board.ts";

type Build = Readonly<Record<string, string>>;

export const YOCTO_MS = 1_800_000;
const PROGRAM = "dist/qemu/switchback-qemu.mjs";
/** The root filesystem of one of our own boards, laid out and written as the classes of the Yocto layer do it. */
export class YoctoBoard {
  readonly #folder: string;
  readonly #build: Build;
  readonly #kind: "sdimg" | "gptimg";

  private constructor(folder: string, build: Build, kind: "sdimg" | "gptimg") {
    this.#folder = folder;
    this.#build = build;
    this.#kind = kind;
  }

  static async make(name: BoardName, folder: string, kind: "sdimg" | "gptimg", build: Build): Promise<YoctoBoard> {
    const fragment = join(folder, "http.json");
    writeFileSync(fragment, JSON.stringify({ Switchback: { AllowPlainHttp: true } }));
    const all = {
      ...build,
      IMAGE_FSTYPES: kind,
      SWITCHBACK_CONFIGURATION_FRAGMENTS: fragment,
      SWITCHBACK_ARTIFACT_COMPRESSION: "none",
    };
    const board = new YoctoBoard(folder, all, kind);
    const kernel = { image: build["KERNEL_IMAGETYPE"] ?? "", deviceTree: build["KERNEL_DEVICETREE"] };
    await writeSystemTree(name, board.path("base"), kernel);
    return board;
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  /** The image of a root filesystem that fills its slot. @param change alters its tree */
  async rootfs(release: string, change: (tree: string) => void = () => undefined): Promise<string> {
    const [tree, configuration, image] = [
      this.path("tree"),
      this.#configuration(release),
      this.path(`${release}.ext4`),
    ];
    await this.verb("configuration", release, "--output", configuration);
    await run(["cp", "-a", this.path("base"), tree]);
    await run(["cp", "-R", "--preserve=mode", `${configuration}/rootfs/.`, tree]);
    appendFileSync(join(tree, "etc/fstab"), readFileSync(join(configuration, "fstab")));
    writeFileSync(join(tree, "etc/version"), `${release}\n`);
    change(tree);
    const kib = await this.verb("slot-size", release);
    await run(["mke2fs", "-q", "-t", "ext4", "-i", "4096", "-d", tree, image, `${kib}k`]);
    rmSync(tree, { recursive: true });
    return image;
  }

  /** The image of a disk with a release in slot A. */
  async disk(release: string, rootfs: string, ...more: readonly string[]): Promise<string> {
    const [data, disk] = [join(this.#configuration(release), "data"), this.path("disk.img")];
    await this.verb("bootstrap-artifact", release, "--no-progress", "--output", join(data, "mender/bootstrap.mender"));
    await run(["tar", "--owner=0", "--group=0", "-C", data, "-cf", this.path("data.tar"), "."]);
    const content = ["--data-content", this.path("data.tar"), "--output", this.path("data.ext4")];
    await this.verb("data-image", release, ...content);
    const given = ["--kind", this.#kind, "--rootfs", rootfs, "--data-content", this.path("data.ext4"), ...more];
    const said = await this.verb("disk", release, ...given, "--no-progress", "--output", disk);
    if (said.includes("WARNING")) throw new Error(said);
    return disk;
  }

  async artifact(release: string, rootfs: string): Promise<string> {
    const path = this.path(`${release}.mender`);
    await this.verb("artifact", release, "--no-progress", "--rootfs", rootfs, "--output", path);
    return path;
  }

  /** Runs `switchback yocto`. @returns what it prints */
  async verb(name: string, release: string, ...options: readonly string[]): Promise<string> {
    const file = this.path("build.json");
    writeFileSync(file, JSON.stringify({ ...this.#build, MENDER_ARTIFACT_NAME: release }));
    const io = new RecordingIo(false, process.env);
    const { exitCode, out, err } = await cli("switchback", ["yocto", name, "--variables", file, ...options], io);
    if (exitCode !== 0) throw new Error(`yocto ${name}: ${err.join("\n")}`);
    return out.join("\n");
  }

  /** Runs `switchback-qemu test`. Each scenario tells on the terminal how long it took. */
  test(disk: string, boardFile: string, artifact: string, ...more: readonly string[]): TestReport["outcomes"] {
    const processor = String(Number(process.env["VITEST_POOL_ID"] ?? 0) % availableParallelism());
    const options = ["--board", boardFile, "--artifact", artifact, ...more, "--json"];
    const argv = ["--cpu-list", processor, PROGRAM, "test", disk, ...options, "--keep", this.path("kept")];
    const { stdout, stderr } = spawnSync("taskset", argv, { encoding: "utf8", maxBuffer: 16 * 1024 * 1024 });
    if (stdout === "") throw new Error(stderr);
    const { outcomes }: TestReport = JSON.parse(stdout);
    for (const { name, seconds, result, found } of outcomes)
      if (seconds > 0) process.stderr.write(`${this.#build["MACHINE"]}: ${name} ${result}, ${seconds} s: ${found}\n`);
    return outcomes;
  }

  #configuration(release: string): string {
    return this.path(`configuration-${release}`);
  }
}

/** The machine of our board with U-Boot. What starts the system is on the disk. */
export async function uBootBoardFile(): Promise<string> {
  const { uBoot } = await loadBoard("vexpress-a9");
  if (uBoot === undefined) throw new Error("the board has no U-Boot");
  const machine = { arguments: ["-M", "vexpress-a9"], memoryMiB: 512, network: "virtio-net-device" };
  const kernel = resolve(await buildUBoot(uBoot), "u-boot");
  const qemu = { architecture: "armhf", machine: { ...machine, kernel } };
  return JSON.stringify({ name: "vexpress", disk: { device: "/dev/mmcblk0" }, qemu });
}

export const inFolder = async (name: string, work: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(await roomyFolder(), `switchback-yocto-${name}-`));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
};

/** What the scenarios found, without what the inspection of the image did. */
export const found = (outcomes: ReturnType<YoctoBoard["test"]>): readonly string[] => {
  const wrong = outcomes.filter(({ name, result }) => /^(?:image|artifact)/.test(name) && result !== "held");
  expect(wrong).toEqual([]);
  return outcomes
    .filter(({ name }) => !/^(?:image|artifact)/.test(name))
    .map(({ name, result, found: text }) => `${name} ${result}: ${text}`);
};
