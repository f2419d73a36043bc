import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFileStore } from "../../../adapters/store/file-store.ts";
import { type Host, thisHost } from "../../../src/agent/host.ts";
import { run } from "../../../src/cli/run.ts";
import { moduleRequest } from "../../artifact/artifact-requests.ts";
import { needs } from "../../support/needs.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { MEMORY_FOLDER, TestBoard } from "../../support/test-board.ts";

/** The number of blocks of 4 KiB that the payload takes. */
const PAYLOAD_BLOCKS = 4;
const BLOCK_BYTES = 4096;
/**
 * The largest space that an update needs in addition to its payload: the store twice, and the files of the module's
 * tree.
 */
const OTHER_BLOCKS = 22;

/** A module that stores its payload, follows the instruction in the file beside it, and can always roll back. */
const MODULE = `#!/bin/sh
case $1 in
SupportsRollback) echo Yes;;
ArtifactInstall)
  case $(cat "$0.does") in
  fill) cat /dev/zero >tmp/fill 2>/dev/null; exit 1;;
  esac;;
esac
`;

type Does = "install" | "fill";

class PowerCut extends Error {}

/** The power fails before the act of this number, counted from 0. */
function machineThatLosesPower(at: number): { readonly host: Host; readonly acts: () => number } {
  let acts = 0;
  const counted =
    <A extends readonly unknown[], R>(act: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (acts >= at) throw new PowerCut();
      acts += 1;
      return await act(...args);
    };
  const { files } = thisHost;
  const host: Host = {
    ...thisHost,
    files: {
      writeSynced: counted(files.writeSynced),
      storeSynced: counted(files.storeSynced),
      rename: counted(files.rename),
      remove: counted(files.remove),
      makeFolder: counted(files.makeFolder),
      syncFolder: counted(files.syncFolder),
    },
    process: (options) => {
      const { run: start } = thisHost.process(options);
      return { run: counted(start) };
    },
  };
  return { host, acts: () => acts };
}

class HostIo extends RecordingIo {
  readonly host: Host;

  constructor(host: Host) {
    super();
    this.host = host;
  }
}

function trees(board: TestBoard): readonly string[] {
  const payload = board.path("data/modules/v3/payloads/0000");
  return existsSync(payload) ? readdirSync(payload) : [];
}

/** A board whose data partition is a separate small filesystem. */
class FullBoard {
  readonly board: TestBoard;
  readonly #artifact: string;
  readonly #small: string;
  readonly #partition: Partition;

  static async make(partition: Partition): Promise<FullBoard> {
    const board = await TestBoard.make({ parent: MEMORY_FOLDER });
    const deviceType = await readFile(board.path("data/device_type"));
    partition.mount(board);
    await writeFile(board.path("data/device_type"), deviceType);
    await mkdir(board.path("share/modules/v3"), { recursive: true });
    await writeFile(board.path("share/modules/v3/app"), MODULE, { mode: 0o755 });
    const release = async (name: string, blocks: number): Promise<string> => {
      await writeFile(board.file("data"), Buffer.alloc(blocks * BLOCK_BYTES, name));
      return await board.write(moduleRequest({ type: "app", files: [board.file("data")] }, { name }));
    };
    return new FullBoard(partition, board, await release("large", PAYLOAD_BLOCKS), await release("small", 1));
  }

  private constructor(partition: Partition, board: TestBoard, artifact: string, small: string) {
    this.#partition = partition;
    this.board = board;
    this.#artifact = artifact;
    this.#small = small;
  }

  async remove(): Promise<void> {
    execFileSync("umount", [this.board.path("data")]);
    await this.board.remove();
  }

  /** Fills the partition except for this number of blocks, after it had enough room. */
  async leave(blocks: number): Promise<void> {
    const filler = this.board.path("data/filler");
    const free = (): number => {
      const { bavail, bsize } = statfsSync(this.board.path("data"));
      return (bavail * bsize) / BLOCK_BYTES;
    };
    rmSync(filler, { recursive: true, force: true });
    await createFileStore(this.board.path("data"), () => undefined).reserve();
    mkdirSync(filler);
    this.#partition.settle(this.board);
    // One large file cannot fill all blocks, because its block map also takes some.
    const spare = 8;
    this.#partition.fill(join(filler, "large"), (free() - blocks - spare) * BLOCK_BYTES);
    this.#partition.settle(this.board);
    for (let at = free(); at > blocks; at--) {
      writeFileSync(join(filler, String(at)), Buffer.alloc(BLOCK_BYTES), { flush: true });
    }
    expect(free()).toBe(blocks);
  }

  async make(does: Does): Promise<void> {
    await writeFile(this.board.path("share/modules/v3/app.does"), does);
  }

  async agent(host: Host, ...argv: readonly string[]): Promise<RecordingIo> {
    const io = new HostIo(host);
    await run("switchback", [...this.board.options, ...argv], io);
    return io;
  }

  install(host: Host = thisHost): Promise<RecordingIo> {
    return this.agent(host, "install", this.#artifact);
  }

  /** The content of the data partition, without the trees of an update that is still in progress. */
  files(): readonly string[] {
    return readdirSync(this.board.path("data"))
      .filter((name) => name !== "lost+found" && name !== "filler")
      .sort();
  }

  /** Checks that no update is pending, and that no update has left any files. */
  async expectOver(where: string): Promise<void> {
    expect(await this.board.stored(), where).not.toHaveProperty("state");
    expect(trees(this.board), where).toEqual([]);
    expect((await this.board.stored())["artifact-name"], where).toBe("v1");
  }

  /** Checks that the device is unchanged, and installs an update as soon as there is room. */
  async expectWhole(): Promise<void> {
    rmSync(this.board.path("data/filler"), { recursive: true, force: true });
    await this.make("install");
    const installed = await this.agent(thisHost, "install", this.#small);
    expect(installed.errLines).toEqual([]);
    expect((await this.agent(thisHost, "rollback")).exitCode).toBe(0);
    expect(this.files()).toEqual([
      "device_type",
      "modules",
      "switchback-store",
      "switchback-store.reserve",
      "switchback.lock",
    ]);
    await this.expectOver("after a further update");
  }
}

/** A file system for the data partition. */
interface Partition {
  readonly mount: (board: TestBoard) => void;
  /** Makes the free space that the kernel reports exact. */
  readonly settle: (board: TestBoard) => void;
  /** Creates a file that takes this much space. */
  readonly fill: (path: string, bytes: number) => void;
}

const PARTITIONS = {
  tmpfs: {
    mount: (board) => execFileSync("mount", ["-t", "tmpfs", "-o", "size=512k,mode=700", "none", board.path("data")]),
    // Takes and frees pages at once, and so few that it is quicker to write them than to start a program.
    settle: () => undefined,
    fill: (path, bytes) => writeFileSync(path, Buffer.alloc(bytes)),
  },
  ext4: {
    mount: (board) => {
      const image = board.file("data.img");
      writeFileSync(image, "");
      truncateSync(image, 8 * 2 ** 20);
      execFileSync("mkfs.ext4", ["-q", "-b", "4096", "-m", "0", image]);
      execFileSync("mount", ["-o", "loop", image, board.path("data")]);
    },
    settle: (board) => execFileSync("sync", ["-f", board.path("data")]),
    fill: (path, bytes) => execFileSync("fallocate", ["-l", String(bytes), path]),
  },
} satisfies Readonly<Record<string, Partition>>;

needs("mount").describe("a data partition on tmpfs", () => updatesOn(PARTITIONS.tmpfs));
needs("mount", "loop", "ext4").describe("a data partition on ext4", () => updatesOn(PARTITIONS.ext4));

function updatesOn(partition: Partition): void {
  let full: FullBoard;
  /** The fewest free blocks with which the update installs. */
  let least: number;
  beforeAll(async () => {
    full = await FullBoard.make(partition);
    await full.expectWhole();
  });
  afterAll(() => full.remove());

  /**
   * Installs the update with this number of free blocks. @returns whether the update was installed, before it was
   * rolled back
   */
  async function installsWith(blocks: number, does: Does): Promise<boolean> {
    await full.make(does);
    await full.leave(blocks);
    const { exitCode } = await full.install();
    if (exitCode === 0) expect((await full.agent(thisHost, "rollback")).errLines, `${blocks} blocks`).toEqual([]);
    await full.expectOver(`${blocks} blocks`);
    return exitCode === 0;
  }

  test("with any number of free blocks, an update installs or fails, and the device accepts the next one", async () => {
    const installs: boolean[] = [];
    for (let blocks = 0; blocks <= PAYLOAD_BLOCKS + OTHER_BLOCKS; blocks++) {
      installs.push(await installsWith(blocks, "install"));
    }
    least = installs.indexOf(true);
    expect(installs).toEqual(installs.map((_, blocks) => blocks >= least));
    expect(least).toBeGreaterThan(PAYLOAD_BLOCKS);
    await full.expectWhole();
  });

  test("a module that fills the partition until it fails is undone", async () => {
    for (const blocks of [least - 1, least, least + 1, PAYLOAD_BLOCKS + OTHER_BLOCKS]) {
      expect(await installsWith(blocks, "fill")).toBe(false);
    }
    await full.expectWhole();
  });

  test.each([
    ["install", 0],
    ["install", -1],
    ["fill", 0],
  ] as const)("at whichever act the power fails (%s, %i), 'resume' completes the update", async (does, more) => {
    for (let at = 0, isCut = true; isCut; at++) {
      await full.make(does);
      await full.leave(least + more);
      const cut = machineThatLosesPower(at);
      await full.install(cut.host).catch((error: unknown) => {
        if (!(error instanceof PowerCut)) throw error;
      });
      isCut = cut.acts() === at;
      const where = `before act ${at + 1}`;
      // 'resume' would commit an update that waits, but the test must undo this one.
      const rests = (await full.board.pending())?.startsWith("@") === true;
      const resumed = rests ? [] : (await full.agent(thisHost, "resume")).errLines;
      expect(resumed.join("\n"), where).not.toMatch(/STORE_|bug/);
      if ((await full.board.pending()) !== undefined) {
        expect((await full.agent(thisHost, "rollback")).errLines, where).toEqual([]);
      }
      await full.expectOver(where);
    }
    await full.expectWhole();
  });
}
