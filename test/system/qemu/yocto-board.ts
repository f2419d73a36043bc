import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { run } from "../../../image/run.ts";
import type { TestReport } from "../../../qemu/harness/outcome.ts";
import { type BoardName, loadBoard } from "../../../qemu/image/board.ts";
import { buildSystem } from "../../../qemu/image/system.ts";
import { FASTEST_KERNEL } from "../../../qemu/rig/bench.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { cli } from "../../support/test-board.ts";

type Build = Readonly<Record<string, string>>;

const PROGRAM = "dist/qemu/switchback-qemu.mjs";
/** The mounts of our own boards, which images of Yocto have in fstab instead. */
const MOUNTS = /^e2fsck [\s\S]*\$BOOT_MOUNT"$/m;
/** As in OE-Core, as far as this system has the folders. */
const FSTAB = "/dev/root / auto defaults 1 1\ntmpfs /run tmpfs mode=0755,nodev,nosuid,strictatime 0 0\n";
/** OE-Core names the file of the kernel by its version, and links to it. */
const KERNEL_VERSION = "6.1";

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
    await board.#unpack(
      await buildSystem(await loadBoard(name, FASTEST_KERNEL[name]), { version: "v1", agent: "dist" }),
    );
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
  test(disk: string, boardFile: string, artifact: string, scenarios: string): TestReport["outcomes"] {
    const processor = String(Number(process.env["VITEST_POOL_ID"] ?? 0) % availableParallelism());
    const options = ["--board", boardFile, "--artifact", artifact, "--scenarios", scenarios, "--json"];
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

  async #unpack(system: string): Promise<void> {
    const base = this.path("base");
    const place = (name: string): string => join(base, name);
    await run(["unsquashfs", "-quiet", "-no-progress", "-dest", base, system]);
    for (const name of ["mender.conf", "artifact_info"]) rmSync(place(`etc/mender/${name}`));
    const start = readFileSync(place("etc/rcS"), "utf8");
    if (!MOUNTS.test(start)) throw new Error("etc/rcS has no mounts to replace");
    writeFileSync(place("etc/rcS"), start.replace(MOUNTS, "mount -a"));
    writeFileSync(place("etc/fstab"), FSTAB);
    const image = this.#build["KERNEL_IMAGETYPE"] ?? "";
    renameSync(place("boot/zImage"), place(`boot/${image}-${KERNEL_VERSION}`));
    symlinkSync(`${image}-${KERNEL_VERSION}`, place(`boot/${image}`));
    const tree = this.#build["KERNEL_DEVICETREE"];
    if (tree === undefined) await this.#adaptInitramfs(place("boot"));
    else renameSync(place("boot/board.dtb"), place(`boot/${basename(tree)}`));
  }

  /** Our initramfs has the drivers of the disk, and mounts a squashfs. What is appended to it replaces its files. */
  async #adaptInitramfs(boot: string): Promise<void> {
    const work = this.path("initramfs");
    mkdirSync(work);
    const init = readFileSync("qemu/guest/initramfs-init", "utf8").replace("mount -t squashfs", "mount -t ext4");
    writeFileSync(join(work, "init"), init, { mode: 0o755 });
    const added = await run(["cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet"], { cwd: work, stdin: "init\n" });
    writeFileSync(join(boot, "initrd"), Buffer.concat([readFileSync(join(boot, "initrd.img")), gzipSync(added)]));
    rmSync(join(boot, "initrd.img"));
  }
}
