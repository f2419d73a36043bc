import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundleFleet } from "../../../scripts/lib/fleet-bundle.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import { madeOnce } from "../../support/made-once.ts";
import { BuiltServer } from "../../support/server/built-server.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-demo-test-"));
  await chmod(folder, 0o755);
  const server = await BuiltServer.build();
  await symlink((await BuiltProgram.build()).path, join(folder, "switchback.mjs"));
  await symlink(dirname(server.path), join(folder, "server"));
  await symlink(await madeOnce("fleet", bundleFleet), join(folder, "fleet"));
});
afterAll(() => rm(folder, { recursive: true }));

/** A demonstration with a folder for temporary files of its own. */
class Demo {
  out = "";
  readonly place: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;

  static async start(name: string, isTerminal: boolean, ...args: readonly string[]): Promise<Demo> {
    const place = join(folder, name);
    await mkdir(place);
    await chmod(place, 0o711);
    return new Demo(place, isTerminal, [process.execPath, "scripts/run.mjs", "demo", "--programs", folder, ...args]);
  }

  private constructor(place: string, isTerminal: boolean, [program = "", ...args]: readonly string[]) {
    this.place = place;
    const env = { ...process.env, TMPDIR: place };
    const command = [program, ...args].map((word) => `'${word}'`).join(" ");
    this.#child = isTerminal
      ? spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], { env, stdio: "pipe" })
      : spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on("data", (chunk: Buffer) => {
        this.out += chunk.toString();
      });
    this.#ended = once(this.#child, "close").then(([status]) => status as number | null);
  }

  async says(pattern: RegExp): Promise<void> {
    let hasEnded = false;
    void this.#ended.then(() => {
      hasEnded = true;
    });
    while (!pattern.test(this.out)) {
      if (hasEnded) throw new Error(`it ended: ${this.out}`);
      await Promise.race([once(this.#child.stdout as NodeJS.ReadableStream, "data"), this.#ended]);
    }
  }

  /** Types Ctrl-C on its terminal. */
  pressCtrlC(): void {
    this.#child.stdin?.write("\u0003");
  }

  ended(): Promise<number | null> {
    return this.#ended;
  }

  /** Processes that name its folder in their arguments. */
  async processes(): Promise<readonly string[]> {
    const found: string[] = [];
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
      const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""); // ignored: it has ended.
      if (words.includes(this.place)) found.push(words.replaceAll("\0", " "));
    }
    return found;
  }
}

test("the demonstration updates twelve boards, tells which one failed, and ends by itself", async () => {
  const demo = await Demo.start("whole", false);
  const status = await demo.ended();
  expect(status, demo.out).toBe(0);
  expect(demo.out).toContain("finished: 11 success, 1 failure");
  expect(demo.out.match(/^[0-9a-f-]{36} {2}success/gm)).toHaveLength(11);
  expect(demo.out).toContain("board-12 hangs: the new system does not come up.");
  expect(demo.out).toMatch(/BOOT_REVERTED/);
  expect(demo.out).toContain("board-11 (virtual-board) runs v2.\nboard-12 (virtual-board-b) runs v1.\n");
  expect(await demo.processes()).toEqual([]);
  expect(await readdir(demo.place)).toEqual([]);
});

test("Ctrl-C on its terminal ends the server, the boards and the database, and removes its folder", async () => {
  const demo = await Demo.start("interrupted", true);
  await demo.says(/board-12 are up/);
  expect((await demo.processes()).length).toBeGreaterThan(13);
  demo.pressCtrlC();
  expect(await demo.ended(), demo.out).toBe(130);
  expect(demo.out).toContain("Interrupted.");
  expect(await demo.processes()).toEqual([]);
  expect(await readdir(demo.place)).toEqual([]);
});

test("--device shows one board without a server, and leaves it", async () => {
  const demo = await Demo.start("device", false, "--device");
  expect(await demo.ended(), demo.out).toBe(0);
  expect(demo.out).not.toContain("switchback-server");
  expect(demo.out).toMatch(/^v2\n\nThe board is back on v2/m);
  expect(await readdir(join(demo.place, (await readdir(demo.place))[0] ?? ""))).toContain("board");
});
