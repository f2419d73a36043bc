import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import ssh2 from "ssh2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommandLine } from "../../../qemu/cli/command-line.ts";
import type { TestReport } from "../../../qemu/harness/outcome.ts";
import { SCENARIO_NAMES } from "../../../qemu/harness/test-image.ts";
import { loadBoard } from "../../../qemu/image/board.ts";
import { makeBoardDisk } from "../../../qemu/image/board-disk.ts";
import { buildSystem } from "../../../qemu/image/system.ts";
import { buildBoard } from "../../../qemu/rig/bench.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { roomyFolder, SCENARIO_MS } from "./test-board.ts";

const NAME = "x86-64-grub";

let folder: string;
const path = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(await roomyFolder(), "switchback-harness-"));
  mkdirSync(path("bin"));
  symlinkSync(resolve("dist/qemu/switchback-qemu.mjs"), path("bin/switchback-qemu"));
  const { board, disk } = await buildBoard(NAME);
  execFileSync("cp", ["--sparse=always", disk, path("disk.img")]);
  copyFileSync(`qemu/boards/${NAME}.yaml`, path("pc.yaml"));
  writeFileSync(path("id_ed25519"), ssh2.utils.generateKeyPairSync("ed25519").private, { mode: 0o600 });
  const image = await buildSystem(board, { version: "v2", agent: "dist" });
  const argv = ["artifact", "write", "rootfs-image", "-t", board.deviceType, "-n", "v2", "-f", image];
  execFileSync("dist/switchback.mjs", [...argv, "--compression", "none", "-o", path("release-2.mender")], {
    stdio: "ignore",
  });
}, SCENARIO_MS);
afterAll(() => rm(folder, { recursive: true }));

const processor = String(Number(process.env["VITEST_POOL_ID"] ?? 0) % availableParallelism());
/** In the folder with the files of the examples. The machine binds itself to one of the processors that are left. */
const shell = (line: string): readonly [string, readonly string[]] => [
  "taskset",
  ["--cpu-list", processor, "sh", "-c", `PATH="${path("bin")}:$PATH"; exec ${line}`],
];

test(
  "a boot loader that never counts is named after it has booted, and not before",
  async () => {
    const board = await loadBoard(NAME);
    const script = readFileSync("qemu/boards/grub.cfg", "utf8");
    const counting = script.slice(
      script.indexOf('if test "$upgrade_available" = 1; then'),
      script.indexOf('echo "boot: part'),
    );
    expect(counting.length).toBeGreaterThan(200);
    writeFileSync(path("grub.cfg"), script.replace(counting, ""));
    const bootloader = { ...board.image.bootloader, script: path("grub.cfg") };
    const system = await buildSystem(board, { version: "v1", agent: "dist" });
    await makeBoardDisk(
      { ...board, image: { ...board.image, bootloader } as typeof board.image },
      system,
      path("faulty.img"),
    );
    const options = "--artifact release-2.mender --scenarios fallback --json --junit report.xml";
    const { status, stdout } = spawnSync(...shell(`switchback-qemu test faulty.img --board pc.yaml ${options}`), {
      cwd: folder,
      encoding: "utf8",
    });
    const { outcomes }: TestReport = JSON.parse(stdout);
    const told = outcomes.filter(({ name }) => !/^(?:image|artifact)/.test(name));
    expect(told.map(({ name, result, fault = "" }) => `${name} ${result} ${fault}`.trim())).toEqual([
      ...["start held", "install held", "reboot held", "fallback failed no-boot-counting"],
    ]);
    expect(outcomes.filter(({ fault }) => fault !== undefined).length).toBe(1);
    expect(told.at(-1)?.found).toMatch(/slot B still runs\. The boot loader does not count the starts of a trial/);
    expect(status).toBe(1);
    expect(readFileSync(path("report.xml"), "utf8")).toContain('<failure type="no-boot-counting"');
  },
  SCENARIO_MS,
);

test(
  "with --server, everything holds for the daemon of our own board, and what it tells the server is true",
  () => {
    const options = "--artifact release-2.mender --server --cuts 1 --json --junit server.xml";
    const { status, stdout, stderr } = spawnSync(...shell(`switchback-qemu test disk.img --board pc.yaml ${options}`), {
      cwd: folder,
      encoding: "utf8",
    });
    const { outcomes, server }: TestReport = JSON.parse(stdout);
    for (const { name, seconds, found } of outcomes)
      if (seconds > 0) process.stderr.write(`with a server: ${name}: ${seconds} s: ${found}\n`);
    expect(outcomes.filter(({ result }) => result !== "held")).toEqual([]);
    expect({ status, server, cut: /^cut 1 of 1 at .*: rests on the \w+ system$/m.test(stderr) }).toEqual({
      ...{ status: 0, server: true, cut: true },
    });
    const found = Object.fromEntries(outcomes.map((each) => [each.name, each.found]));
    expect(found["fallback"]).toMatch(/ failure, and got a log of \d+ lines\.$/);
    expect(found["rollback"]).toMatch(/ It cancelled the deployment\.$/);
    expect(found["commit"]).toMatch(/ success\.$/);
    const xml = readFileSync(path("server.xml"), "utf8");
    for (const name of SCENARIO_NAMES) expect(xml).toContain(`<testcase classname="switchback-qemu" name="${name}: `);
    expect(xml).toContain("the server accepts the agent and gets its inventory");
  },
  // Eight starts and more.
  3 * SCENARIO_MS,
);

async function examplesOf(command: string): Promise<readonly string[]> {
  const io = new RecordingIo();
  await runCommandLine([command, "--help"], io);
  const [, examples = ""] = io.outLines.join("\n").split("\nExamples:\n");
  return examples.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
}

test(
  "every example of 'test' runs, here with the first scenario only",
  async () => {
    const examples = await examplesOf("test");
    expect(examples.length).toBe(3);
    for (const example of examples) {
      const { status, stdout } = spawnSync(...shell(`${example} --scenarios start`), { cwd: folder, encoding: "utf8" });
      expect({ example, status, stdout }).toEqual({
        ...{ example, status: 0 },
        stdout: expect.stringMatching(/^held {5}start: .*\n {9}Slot A runs with 'v1'\.(?: The server has .*)?$/m),
      });
    }
    expect(existsSync(path("report.xml"))).toBe(true);
  },
  SCENARIO_MS,
);

test(
  "every example of 'run' boots the image, shows its console, and ends with Ctrl-C",
  async () => {
    execFileSync("sh", ["-c", "xz -0 -k -T1 disk.img"], { cwd: folder });
    const examples = await examplesOf("run");
    expect(examples.length).toBe(2);
    for (const example of examples) {
      const child = spawn(...shell(example.replace("/tmp/board", path("kept"))), { cwd: folder });
      const ended = new Promise((done) => child.once("exit", (code) => done(code)));
      await shown(child, /board: up, version v1/);
      child.kill("SIGINT");
      expect({ example, code: await ended }).toEqual({ example, code: 0 });
    }
    expect(existsSync(path("kept/disk.img"))).toBe(true);
  },
  SCENARIO_MS,
);

/** Waits until a program has printed what matches. */
async function shown(child: ChildProcess, pattern: RegExp): Promise<void> {
  let text = "";
  await new Promise<void>((resolve, reject) => {
    const add = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      if (pattern.test(text)) resolve();
    };
    child.stdout?.on("data", add);
    child.stderr?.on("data", add);
    child.once("exit", () => reject(new Error(`it has ended:\n${text}`)));
  });
}
