import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { BuiltProgram } from "../../support/built-program.ts";
import { needs } from "../../support/needs.ts";
import { BoardArtifacts } from "../../support/server/board-artifacts.ts";
import { Desk } from "../../support/server/desk.ts";
import { LivingBoard } from "../../support/server/living-board.ts";
import { KEEPINGS, RunningProgram } from "../../support/server/running-program.ts";
import { TlsFront } from "../../support/server/tls-front.ts";

const { test } = needs("root", "mount", "loop", "ext4", "namespaces");

const LONG = { timeout: 120_000, interval: 100 };
const MIB = 1024 * 1024;

let artifacts: BoardArtifacts;
let program: BuiltProgram;
beforeAll(async () => {
  artifacts = new BoardArtifacts();
  program = await BuiltProgram.build();
});
afterAll(() => artifacts.remove());

const CLIENTS = {
  "the real client": () => ["mender", "-c", "/etc/mender/mender.conf", "-d", "/data", "--no-syslog", "daemon"],
  "our agent": () => ["node", program.path, "-d", "/data", "daemon"],
};
const INTERVALS = { UpdatePollIntervalSeconds: 1, InventoryPollIntervalSeconds: 2, RetryPollIntervalSeconds: 1 };

for (const keeping of KEEPINGS)
  for (const [client, daemon] of Object.entries(CLIENTS))
    describe(`${client}, and the server on ${keeping}`, () => {
      let front: TlsFront;
      let server: RunningProgram;
      let board: LivingBoard;
      let desk: Desk;
      beforeAll(async () => {
        front = new TlsFront();
        const url = await front.listen();
        server = await RunningProgram.start(keeping, url);
        front.passTo(server.url);
        desk = new Desk(server);
        board = new LivingBoard(
          daemon(),
          { ServerURL: url, TenantToken: server.tenantToken, ...INTERVALS },
          front.cert,
        );
      });
      afterAll(async () => {
        await board?.off();
        board?.close();
        await server?.close();
        await front.close();
      });

      const until = async (what: () => Promise<unknown>, expected: unknown): Promise<void> => {
        await expect
          .poll(what, LONG)
          .toEqual(expected)
          .catch((cause: unknown) => {
            throw new Error(board.log(), { cause });
          });
      };

      test("waits, is accepted, installs images and files, fails with its log, is aborted, resumes a download", async () => {
        board.on();
        await until(desk.statuses, ["pending"]);
        await desk.acceptPending();
        await until(() => desk.artifactName(), "release-0");

        const committed = await desk.deploy("release-1", artifacts.image("release-1"));
        await until(() => desk.stateOf(committed), "finished success");
        expect(board.reboots).toBe(1);
        await until(() => desk.artifactName(), "release-1");

        board.newSystem = "hangs";
        const hung = await desk.deploy("release-2", artifacts.image("release-2"));
        await until(() => desk.stateOf(hung), "finished failure");
        expect(await desk.logOf(hung)).toMatch(/rootfs|image|boot/i);
        expect(await desk.artifactName()).toBe("release-1");
        board.newSystem = "comes up";

        const held = front.holdNextDownload(3 * MIB);
        const aborted = await desk.deploy("release-3", artifacts.image("release-3"));
        await held.reached;
        await desk.abort(aborted);
        held.release();
        expect(await desk.stateOf(aborted)).toBe("aborted aborted");

        front.downloads.length = 0;
        front.cutNextDownload(100_000);
        const resumed = await desk.deploy("release-4", artifacts.oneFile("release-4", "/data"));
        await until(() => desk.stateOf(resumed), "finished success");
        expect([front.downloads[0], front.downloads[1]]).toEqual(["whole", expect.stringMatching(/^bytes=[1-9]\d*-/)]);
        expect(readFileSync(board.path("data/installed"), "utf8")).toHaveLength(300_000);

        const refused = await desk.deploy("release-5", artifacts.oneFile("release-5", "/proc/nowhere"));
        await until(() => desk.stateOf(refused), "finished failure");
        expect(await desk.logOf(refused)).toContain("ArtifactInstall");
      });

      test("with a new key waits again, and begins anew when it is decommissioned", async () => {
        await board.off();
        board.newKey();
        board.on(...(client === "our agent" ? ["--forcebootstrap"] : []));
        await until(desk.statuses, ["accepted", "pending"]);
        await desk.acceptPending();
        await until(desk.statuses, ["accepted", "rejected"]);
        const updated = await desk.deploy("release-6", artifacts.oneFile("release-6", "/data"));
        await until(() => desk.stateOf(updated), "finished success");
        const [before] = await desk.devices();
        await desk.decommission();
        await until(desk.statuses, ["pending"]);
        expect((await desk.devices())[0]?.id).not.toBe(before?.id);
      });
    });
