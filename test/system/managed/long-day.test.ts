import { type ChildProcess, spawn } from "node:child_process";
import { chmod, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterEach, beforeEach, expect, test } from "vitest";
import { rootfsRequest } from "../../artifact/artifact-requests.ts";
import { severalPayloads } from "../../artifact/several-payloads.ts";
import { deployment, empty, file, token } from "../../support/answers.ts";
import { type Responder, ScriptedServer } from "../../support/scripted-server.ts";
import { MEMORY_FOLDER, TestBoard } from "../../support/test-board.ts";
import type { Holdings } from "./long-day.ts";

const POLLS = 1000;
/** A thousand polls take a day. */
const POLL_SECONDS = 87;

let board: TestBoard;
let server: ScriptedServer;
let day: ChildProcess | undefined;
beforeEach(async () => {
  board = await TestBoard.make({ parent: MEMORY_FOLDER });
  server = await ScriptedServer.start();
  server.answer("auth", token("t1")).answer("inventory", empty(200)).answer("status", empty(204));
  server.answer("log", empty(204));
});
afterEach(async () => {
  day?.kill("SIGKILL");
  await server.close();
  await board.remove();
});

test(`after a day of ${POLLS} polls and two updates, the agent uses as much memory as after poll 100`, async () => {
  await board.configure({ ServerURL: server.url, UpdatePollIntervalSeconds: POLL_SECONDS });
  await offer({ 50: await fileRelease(), 500: await failingRelease() });
  const [early, late] = await run([100, POLLS]);
  if (early === undefined || late === undefined) return expect.fail("nothing was measured");
  process.stdout.write(
    `${late.hours.toFixed(1)} h, ${late.polls} polls: memory ${early.memoryBytes} -> ${late.memoryBytes} bytes, resident ${early.residentBytes} -> ${late.residentBytes}\n`,
  );
  expect(late.hours).toBeGreaterThanOrEqual(24);
  expect(statuses()).toEqual([
    ...["downloading", "installing", "installing", "success"],
    ...["downloading", "installing", "failure"],
  ]);
  expect(server.of("log").length).toBe(1);
  expect(late.memoryBytes / early.memoryBytes).toBeLessThan(1.05);
  expect([late.descriptors, late.timers, late.children]).toEqual([early.descriptors, early.timers, early.children]);
  // The agent keeps the logs of the last five deployments; the newest has the number 0.
  const renamed = (name: string): string => name.replace("deployments.0000.d-50", "deployments.0001.d-50");
  expect(late.files).toEqual([...early.files.map(renamed), "data/deployments.0000.d-500.log"].sort());
});

const statuses = (): readonly string[] => server.of("status").map(({ body }) => JSON.parse(body.toString()).status);

/** Offers each Artifact at the poll with its number. */
async function offer(artifacts: Readonly<Record<number, string>>): Promise<void> {
  const answers = new Map<number, Responder>();
  for (const [poll, path] of Object.entries(artifacts)) {
    server.answer(`/${poll}.mender`, file(await readFile(path)));
    answers.set(Number(poll), deployment(`d-${poll}`, "", `${server.url}/${poll}.mender`));
  }
  server.answer("next", (exchange) => (answers.get(server.of("next").length) ?? empty(204))(exchange));
}

/** For an update module: the agent installs and commits it without a reboot. */
async function fileRelease(): Promise<string> {
  await mkdir(board.path("share/modules/v3"), { recursive: true });
  await cp("update-modules/single-file", board.path("share/modules/v3/single-file"));
  await chmod(board.path("share/modules/v3/single-file"), 0o755);
  await mkdir(board.file("app"));
  const files = { dest_dir: board.file("app"), filename: "app.conf", permissions: "644", "app.conf": "settings" };
  const path = board.file("file.mender");
  await writeFile(
    path,
    severalPayloads("v2", [{ type: "single-file", files }], { ArtifactInstall_Leave_00: "#!/bin/sh\n" }),
  );
  return path;
}

/** An image that the agent writes to the other slot and rolls back before the reboot. */
async function failingRelease(): Promise<string> {
  const script = board.file("ArtifactInstall_Leave_00");
  await writeFile(script, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  return await board.write({ ...rootfsRequest(await board.image("v3")), name: "v3", scripts: [script] });
}

async function run(polls: readonly number[]): Promise<readonly Holdings[]> {
  const outfile = board.file("long-day.mjs");
  const entry = fileURLToPath(new URL("long-day.ts", import.meta.url));
  const banner = {
    js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
  };
  const shape = { bundle: true, platform: "node", format: "esm", target: "node20" } as const;
  await build({ entryPoints: [entry], ...shape, banner, outfile, logLevel: "error" });
  // Without compilers, because code that they generate during the day would change the result.
  const argv = [
    "--expose-gc",
    "--no-opt",
    "--no-maglev",
    "--no-sparkplug",
    outfile,
    board.dir,
    server.url,
    ...polls.map(String),
  ];
  const env = { ...process.env, MENDER_DATA_DIR: board.path("share") };
  return await new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argv, { env, stdio: ["ignore", "pipe", "inherit"] });
    day = child;
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.once("error", reject);
    child.once("close", (code) => {
      if (code !== 0) reject(new Error(`the day ended with ${code}: ${said}`));
      else
        resolve(
          said
            .trimEnd()
            .split("\n")
            .map((line) => JSON.parse(line)),
        );
    });
  });
}
