import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { BuiltProgram } from "../../support/built-program.ts";
import { killProcess } from "../../support/kill-process.ts";
import { needs } from "../../support/needs.ts";
import { selfSigned } from "../../support/self-signed.ts";
import { BoardArtifacts } from "../../support/server/board-artifacts.ts";
import { Desk } from "../../support/server/desk.ts";
import { LivingBoard } from "../../support/server/living-board.ts";
import { RunningProgram } from "../../support/server/running-program.ts";
import { TlsFront } from "../../support/server/tls-front.ts";

const { test } = needs("root", "mount", "loop", "ext4", "namespaces");

const LONG = { timeout: 120_000, interval: 100 };
const MIB = 1024 * 1024;

let program: BuiltProgram;
let artifacts: BoardArtifacts;
beforeAll(async () => {
  program = await BuiltProgram.build();
  artifacts = new BoardArtifacts();
});
afterAll(() => artifacts?.remove());

const CLIENTS = {
  "the real client": () => ["mender", "-c", "/etc/mender/mender.conf", "-d", "/data", "--no-syslog", "daemon"],
  "our agent": () => ["node", program.path, "-d", "/data", "daemon"],
};

/** The addresses of two servers, and the one that their links have, behind which is whichever of them lives. */
let fronts: readonly TlsFront[];
let server: RunningProgram;
let board: LivingBoard | undefined;
let configuration: ConstructorParameters<typeof LivingBoard>[1];
let cert: string;

beforeEach(async () => {
  const pair = selfSigned({ address: "localhost" });
  fronts = [new TlsFront(pair), new TlsFront(pair), new TlsFront(pair)];
  const [first = "", second = "", shared = ""] = await Promise.all(fronts.map((front) => front.listen()));
  server = await RunningProgram.start("an external PostgreSQL and S3", shared);
  const other = await server.add(shared);
  for (const [index, url] of [server.url, other, server.url].entries()) fronts[index]?.passTo(url);
  const seconds = { UpdatePollIntervalSeconds: 1, InventoryPollIntervalSeconds: 2, RetryPollIntervalSeconds: 1 };
  const servers = { Servers: [{ ServerURL: first }, { ServerURL: second }], TenantToken: server.tenantToken };
  [configuration, cert] = [{ ...servers, ...seconds }, pair.cert];
});
afterEach(async () => {
  await board?.off();
  board?.close();
  board = undefined;
  await server?.close();
  await Promise.all(fronts.map((front) => front.close()));
});

for (const [client, daemon] of Object.entries(CLIENTS))
  test(`a server is killed in the middle of a download, and ${client} goes on with the other one`, async () => {
    const here = new LivingBoard(daemon(), configuration, cert);
    board = here;
    const desk = new Desk(server);
    here.on();
    await expect.poll(desk.statuses, LONG).toEqual(["pending"]);
    await desk.acceptPending();
    const shared = fronts[2];
    const held = shared?.holdNextDownload(3 * MIB);
    const deployment = await desk.deploy("release-1", artifacts.image("release-1"));
    await Promise.race([held?.reached, sleep(60_000).then(() => expect.fail(here.log()))]);
    const [first, second] = server.processes;
    killProcess(first?.child.pid, "SIGKILL");
    await first?.ended;
    server.url = (await second?.said(/This machine only: +(\S+)/)) ?? "";
    shared?.passTo(server.url);
    held?.release();
    await expect
      .poll(() => desk.stateOf(deployment), LONG)
      .toBe("finished success")
      .catch((cause: unknown) => {
        throw new Error(here.log(), { cause });
      });
    expect(shared?.downloads).toEqual(["whole", expect.stringMatching(/^bytes=[1-9]\d*-/)]);
    expect(here.reboots).toBe(1);
  });
