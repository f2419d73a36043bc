import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BENCH_DEVICE_TYPE, ClientBoard } from "../../../scripts/lib/client-board.ts";
import { deployment, empty, file, token } from "../../support/answers.ts";
import { type Recorded, ScriptedServer } from "../../support/scripted-server.ts";

/** What happens to the system that an update has installed. */
export type NewSystem = "comes up" | "hangs";

export interface Conversation {
  /** The requests in order, in a short form; `(reboots)` where the device goes down. */
  readonly lines: readonly string[];
  readonly requests: readonly Recorded[];
}

const ID = "00000000-0000-4000-8000-000000000001";
const LIMIT_MS = 60_000;
/** In a process namespace, so that everything the daemon has started ends with it, as at a power cut. */
export const ALONE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
const DOWN = "(reboots)";

/**
 * Lets a daemon talk to a scripted server from its first start until it has asked for the update after that in
 * `artifact`, with the reboots that it asks for.
 */
export async function converse(
  daemon: readonly string[],
  artifact: string,
  newSystem: NewSystem,
): Promise<Conversation> {
  const server = await ScriptedServer.start();
  const board = new ClientBoard(10);
  try {
    script(server, artifact);
    prepare(board, server.url);
    return await listen(board, server, daemon, newSystem);
  } finally {
    board.close();
    await server.close();
  }
}

function script(server: ScriptedServer, artifact: string): void {
  server.answer("auth", token("t1")).answer("inventory", empty(200)).answer("status", empty(204));
  const uri = `${server.url}/release-1.mender`;
  server.answer("next", deployment(ID, "release-1", uri, [BENCH_DEVICE_TYPE]), empty(204)).answer("log", empty(204));
  server.answer("/release-1.mender", file(readFileSync(artifact)));
}

function prepare(board: ClientBoard, url: string): void {
  const intervals = { UpdatePollIntervalSeconds: 2, InventoryPollIntervalSeconds: 3600, RetryPollIntervalSeconds: 1 };
  board.configure({ ServerURL: url, TenantToken: "tenant", ...intervals });
  mkdirSync(join(board.dir, "etc/bin"));
  writeFileSync(join(board.dir, "etc/bin/reboot"), "#!/bin/sh\n: > /data/going-down\nsleep 600\n", { mode: 0o755 });
}

async function listen(
  board: ClientBoard,
  server: ScriptedServer,
  daemon: readonly string[],
  newSystem: NewSystem,
): Promise<Conversation> {
  const lines: string[] = [];
  const goingDown = join(board.dir, "data/going-down");
  const deadline = Date.now() + LIMIT_MS;
  let heard = 0;
  let slot: "A" | "B" = "A";
  for (;;) {
    const child = board.start(slot, [...ALONE, "env", "PATH=/etc/bin:/usr/bin:/usr/sbin", ...daemon]);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    while (!existsSync(goingDown) && !isOver(server.requests) && child.exitCode === null && Date.now() < deadline)
      await sleep(20);
    child.kill("SIGKILL");
    await ended;
    const end = endOf(server.requests);
    for (const request of server.requests.slice(heard, end)) lines.push(inShort(request));
    if (end !== undefined) return { lines, requests: server.requests.slice(0, end) };
    if (!existsSync(goingDown)) {
      throw new Error(`${lines.join("\n")}\n${readFileSync(join(board.dir, "out/daemon"), "utf8")}`);
    }
    heard = server.requests.length;
    lines.push(DOWN);
    rmSync(goingDown);
    slot = bootedNext(board, newSystem);
  }
}

const isOver = (requests: readonly Recorded[]): boolean => endOf(requests) !== undefined;

/** After the first request for an update that follows the result of the first deployment. */
function endOf(requests: readonly Recorded[]): number | undefined {
  const lines = requests.map(inShort);
  const told = lines.findIndex((line) => line === "status success" || line === "log");
  const asked = lines.findIndex((line, at) => told >= 0 && at > told && line.startsWith("next "));
  return asked < 0 ? undefined : asked + 1;
}

/** Does what U-Boot does: boots the slot on trial, or the other one after a trial that hung. */
export function bootedNext(board: ClientBoard, newSystem: NewSystem): "A" | "B" {
  const variables = new Map(board.environment().map((line) => line.split("=") as [string, string]));
  const planned = variables.get("mender_boot_part") === String(board.partition("B")) ? "B" : "A";
  if (variables.get("upgrade_available") !== "1" || newSystem === "comes up") return planned;
  const back = planned === "B" ? "A" : "B";
  const part = board.partition(back);
  const changes = { mender_boot_part: part, mender_boot_part_hex: part.toString(16), upgrade_available: 0 };
  const changed = join(board.dir, "changed.txt");
  writeFileSync(
    changed,
    Object.entries(changes)
      .map((pair) => `${pair.join("=")}\n`)
      .join(""),
  );
  const done = spawnSync("fw_setenv", ["-c", join(board.dir, "etc/fw_env.config"), "-s", changed], {
    encoding: "utf8",
  });
  if (done.status !== 0) throw new Error(done.stderr);
  return back;
}

/** Sorted names of the members sent, with the values that matter. */
function inShort({ method, path, body }: Recorded): string {
  const call = path.split("/").at(-1) ?? "";
  if (method === "GET") return path;
  const value = JSON.parse(body.toString());
  switch (call) {
    case "auth_requests":
      return `auth ${Object.keys(value).sort().join(" ")}`;
    case "attributes":
      return `inventory ${attributes(Object.fromEntries(value.map((each: Attribute) => [each.name, each.value])))}`;
    case "next": {
      const { device_provides: provides, ...others } = value;
      return ["next", attributes(provides), ...Object.keys(others).map((name) => `+${name}`)].join(" ");
    }
    case "status":
      return `status ${[value.status, ...(value.substate === undefined ? [] : [`(${value.substate})`])].join(" ")}`;
    default:
      return call;
  }
}

interface Attribute {
  readonly name: string;
  readonly value: string;
}

const attributes = (all: Readonly<Record<string, string>>): string =>
  Object.keys(all)
    .sort()
    .map((name) => (name === "artifact_name" ? `${name}=${all[name]}` : name))
    .join(" ");
