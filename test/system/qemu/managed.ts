import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect } from "vitest";
import { VERSION } from "../../../src/version.ts";
import { deployment, empty, file, token } from "../../support/answers.ts";
import { resetInBody } from "../../support/faults.ts";
import type { Responder } from "../../support/scripted-server.ts";
import { type QemuBoard, SCENARIO_MS, type Scenarios } from "./test-board.ts";

const NEWER = `${VERSION}-newer`;
/** A poll and the time until the next one; emulated processors are slow. */
const POLLED_MS = 60_000;
/** What packets wait for: so that it shows in a single request, and so that an Artifact still comes through soon. */
const [CRAWLS_MS, SLOW_MS] = [300, 20];

/** Updates from a server at the gateway of the board's network. */
export function managedScenarios({ board, scenario }: Scenarios): void {
  describe("looked after by a server", () => {
    beforeAll(() => connectToServer(board()));

    scenario("a daemon installs a newer one, although the download breaks in the middle", async () => {
      const { server } = board();
      const image = await board().system("v5", {}, await newerAgent(board().folder));
      const artifact = await readFile(await board().artifact({ name: "v5", image }));
      const half = Math.floor(artifact.length / 2);
      const mark = board().machine.console.mark();
      await board().lookAfter("daemon");
      await board().until("an inventory", () => server.of("inventory").length > 0, POLLED_MS);
      deploy(board(), "v5", resetInBody(artifact, half), file(artifact));
      expect(await board().up(mark)).toBe("v5");
      await told(board(), "success");
      expect(statuses(board())).toEqual(["downloading", "installing", "rebooting", "installing", "success"]);
      const [whole, rest, ...others] = server.of("/v5.mender").map(({ headers }) => headers.range);
      expect([whole, others]).toEqual([undefined, []]);
      const [, from = "0"] = /^bytes=(\d+)-/.exec(rest ?? "") ?? [];
      expect(Number(from)).toBeGreaterThan(half / 2);
      expect(Number(from)).toBeLessThanOrEqual(half);
      expect(await board().artifactName()).toBe("v5");
      expect((await board().switchback("--version")).out).toEqual([NEWER]);
    });

    scenario("a system that does not reach the server is left again by its daemon", async () => {
      const { machine, server } = board();
      const image = await board().system("v6");
      deploy(board(), "v6", file(await readFile(await board().artifact({ name: "v6", image }))));
      const mark = machine.console.mark();
      await told(board(), "rebooting");
      await machine.setNetwork(false);
      expect(await board().versionAfter(mark)).toBe("v6");
      const trial = machine.console.mark();
      expect(await board().versionAfter(trial)).toBe("v5");
      await machine.setNetwork(true);
      await told(board(), "failure");
      expect(statuses(board())).toEqual(["downloading", "installing", "rebooting", "failure"]);
      await board().until("the log of the failure", () => server.of("log").length > 0, POLLED_MS);
      expect(server.of("log")[0]?.body.toString()).toContain("TRANSPORT_");
      expect(await board().up(trial)).toBe("v5");
      expect(await board().artifactName()).toBe("v5");
    });

    scenario("a timer that polls needs no process in between, and updates over a slow network", async () => {
      const { server, machine } = board();
      await board().shell("kill $(pidof start-agent) $(pidof node)");
      const mark = machine.console.mark();
      const polled = server.of("next").length;
      await board().lookAfter("poll 5");
      await board().until("a poll", () => server.of("next").length > polled, POLLED_MS);
      const isAlone = async (): Promise<boolean> =>
        (await board().shell("pidof start-agent && ! pidof node")).code === 0;
      await board().until("only the timer is there", isAlone, POLLED_MS);
      await machine.slowNetwork(CRAWLS_MS);
      expect(await secondsOfAnswer(board())).toBeGreaterThan((2 * CRAWLS_MS) / 1000);
      await machine.hastenNetwork();
      await machine.slowNetwork(SLOW_MS);
      // The same Artifact as before: its image lies in the slot already.
      deploy(board(), "v6");
      expect(await board().up(mark)).toBe("v6");
      await told(board(), "success");
      expect(statuses(board())).toEqual(["downloading", "installing", "rebooting", "installing", "success"]);
      await machine.hastenNetwork();
      expect(await board().artifactName()).toBe("v6");
      await board().shell("rm /data/agent; kill $(pidof start-agent)");
    });
  });
}

/** What a request takes by the clock of the board: it goes there and back twice, once for the connection. */
async function secondsOfAnswer(board: QemuBoard): Promise<number> {
  board.server.answer("/nothing", empty(204));
  const now = "cut -d' ' -f1 /proc/uptime";
  const { stdout } = await board.shell(`${now}; wget -q -O - ${board.serverUrl}/nothing >/dev/null; ${now}`);
  const [from = "", to = ""] = stdout.split("\n");
  return Number(to) - Number(from);
}

/** Names the stand-in for a server in the board's configuration, and lets it accept the board. */
export async function connectToServer({ server, serverUrl, machine }: QemuBoard): Promise<void> {
  server.answer("auth", token("t1")).answer("inventory", empty(200)).answer("status", empty(204));
  server.answer("log", empty(204)).answer("next", empty(204));
  await (await machine.guest()).put("/data/mender/mender.conf", `{"ServerURL":"${serverUrl}"}\n`);
}

/** Offers an Artifact once, under the name of its route; then there is nothing. Forgets what was asked before. */
function deploy({ server, serverUrl, bench }: QemuBoard, name: string, ...answers: readonly Responder[]): void {
  server.requests.length = 0;
  if (answers.length > 0) server.answer(`/${name}.mender`, ...answers);
  const offer = deployment(`of-${name}`, name, `${serverUrl}/${name}.mender`, [bench.board.deviceType]);
  server.answer("next", offer, empty(204));
}

/** Statuses that the server has been told of the deployment, in order. */
const statuses = ({ server }: QemuBoard): readonly string[] =>
  server.of("status").map(({ body }) => JSON.parse(body.toString()).status);

async function told(board: QemuBoard, status: string): Promise<void> {
  await board.until(`status ${status}`, () => statuses(board).includes(status), SCENARIO_MS);
}

/** A copy of the built program that says another version of itself. @returns its folder */
async function newerAgent(folder: string): Promise<string> {
  const path = join(folder, "newer-agent");
  await cp("dist", path, { recursive: true });
  let changed = 0;
  for (const name of (await readdir(path, { recursive: true })).filter((name) => name.endsWith(".mjs"))) {
    const text = await readFile(join(path, name), "utf8");
    if (!text.includes(`"${VERSION}"`)) continue;
    await writeFile(join(path, name), text.replaceAll(`"${VERSION}"`, `"${NEWER}"`));
    changed++;
  }
  expect(changed, "files that name the version").toBeGreaterThan(0);
  return path;
}
