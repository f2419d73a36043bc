import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { virtualBoard } from "../../../src/agent/device/board.ts";
import { rootfsRequest } from "../../artifact/artifact-requests.ts";
import { deployment, empty, file, json, token } from "../../support/answers.ts";
import type { BuiltProgram } from "../../support/built-program.ts";
import { type ConnectProxy, startProxy } from "../../support/connect-proxy.ts";
import { type Responder, ScriptedServer } from "../../support/scripted-server.ts";
import { selfSigned } from "../../support/self-signed.ts";
import { MEMORY_FOLDER } from "../../support/test-board.ts";
import { writeArtifact } from "../../support/write-artifact.ts";
import { Device } from "./device.ts";

/**
 * The situation in which an example begins: at a desk with nothing but the program; on a device that runs v1; after an
 * install; after the reboot into v2, which is on trial.
 */
export type Place = "desk" | "device" | "installed" | "trial";

const KIB = 1024;
const HOSTS = ["example.com", "ota.example.com", "hosted.mender.io"];

/** The computers of each situation, and one server behind all names that the examples use. */
export class Lab {
  readonly server: ScriptedServer;
  readonly #proxy: ConnectProxy;
  readonly #folder: string;
  readonly #places: Record<Place, Device>;
  /** An Artifact of the system v2 for the device. */
  readonly release: Buffer;
  /** The proxy through which computers reach the server, and the certificates that they must trust. */
  readonly network: { readonly proxy: string; readonly authorities: string };
  /** A certificate of some server. */
  readonly certificate = selfSigned().cert;
  #made = 0;

  static async make(program: BuiltProgram): Promise<Lab> {
    const folder = mkdtempSync(join(MEMORY_FOLDER, "switchback-examples-"));
    const certificates = new Map(HOSTS.map((host) => [host, selfSigned({ address: host })]));
    const server = await ScriptedServer.start({
      SNICallback: (name, done) => done(null, createSecureContext(certificates.get(name))),
    });
    const proxy = await startProxy({ route: (host) => (HOSTS.includes(host) ? new URL(server.url) : undefined) });
    const via = `http://127.0.0.1:${proxy.port}`;
    const desk = new Device(join(folder, "desk"), program, { https_proxy: via });
    const authorities = [...certificates.values()].map(({ cert }) => cert).join("");
    desk.put("/etc/ssl/certs/ca-certificates.crt", authorities);
    await must(desk, "switchback show-artifact");
    const release = await makeRelease();
    const device = desk.copy(join(folder, "device"));
    await makeBoard(device);
    await must(device, "switchback show-artifact");
    device.put("release-2.mender", release);
    const installed = device.copy(join(folder, "installed"));
    await must(installed, "switchback install release-2.mender");
    const trial = installed.copy(join(folder, "trial"));
    await must(trial, "switchback board boot /board");
    return new Lab(folder, server, proxy, { desk, device, installed, trial }, release, { proxy: via, authorities });
  }

  private constructor(
    folder: string,
    server: ScriptedServer,
    proxy: ConnectProxy,
    places: Record<Place, Device>,
    release: Buffer,
    network: Lab["network"],
  ) {
    this.#folder = folder;
    this.server = server;
    this.#proxy = proxy;
    this.#places = places;
    this.release = release;
    this.network = network;
  }

  /** A separate computer for an example; the server has its default state. */
  at(place: Place): Device {
    this.server.requests.length = 0;
    const device = this.#places[place].copy(join(this.#folder, `row-${this.#made++}`));
    const noted = (name: string, answer: Responder): Responder => {
      writeFileSync(join(device.signals, name), "");
      return (exchange) => {
        appendFileSync(join(device.signals, name), "x");
        return answer(exchange);
      };
    };
    this.server.answer("auth", token("t1")).answer("inventory", noted("inventory", empty(200)));
    this.server
      .answer("status", empty(204))
      .answer("log", empty(204))
      .answer("next", noted("next", empty(204)));
    this.server.answer("/release-2.mender", file(this.release));
    this.server.answer("/api/management/v1/useradm/auth/login", token("user"));
    this.server.answer("/api/management/v1/tenantadm/user/tenant", json(200, { tenant_token: "of-my-tenant" }));
    return device;
  }

  /** The server offers v2 to the device, once. */
  deploy(): void {
    const offer = deployment("d-1", "v2", "https://ota.example.com/release-2.mender", ["virtual-board"]);
    this.server.answer("next", offer, empty(204));
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.#proxy.close();
    for (const device of Object.values(this.#places)) device.remove();
  }
}

/** A device that knows its server. */
export function manage(device: Device): void {
  if (!device.has("/board")) return;
  const configuration = { ...JSON.parse(device.text("/board/etc/mender.conf")), ServerURL: "https://ota.example.com" };
  device.put("/board/etc/mender.conf", JSON.stringify(configuration));
  device.put("/board/share/identity/mender-device-identity", "#!/bin/sh\necho mac=00:11\n", 0o755);
}

async function must(device: Device, line: string): Promise<void> {
  const { exit, err } = await device.run(line);
  if (exit !== 0) throw new Error(`${line}: ${exit}: ${err}`);
}

async function makeRelease(): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), "switchback-release-"));
  await virtualBoard.writeImage(join(folder, "image"), "v2", 128 * KIB, "yes");
  const request = { ...rootfsRequest(join(folder, "image")), name: "v2", deviceTypes: ["virtual-board"] };
  await writeArtifact(request, join(folder, "v2"), () => undefined, new AbortController().signal);
  return readFileSync(join(folder, "v2"));
}

/** Makes it in the device's folder, where its paths are others. */
async function makeBoard(device: Device): Promise<void> {
  const board = device.path("/board");
  const size = { slotBytes: 256 * KIB, imageBytes: 128 * KIB };
  await virtualBoard.create(board, { ...size, deviceType: "virtual-board", version: "v1" });
  await virtualBoard.boot(board);
  for (const name of ["etc/mender.conf", "proc/cmdline"])
    writeFileSync(join(board, name), readFileSync(join(board, name), "utf8").replaceAll(board, "/board"));
  mkdirSync(device.path("/board/root"), { recursive: true });
}
