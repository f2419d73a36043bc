import { untilReboot } from "../../../src/cli/update/until-reboot.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { FileActs } from "../../../src/ports/files.ts";
import { deployment, empty, file, token } from "../../support/answers.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";
import { MEMORY_FOLDER, TestBoard } from "../../support/test-board.ts";
import { createVirtualClock, type VirtualClock } from "../../support/virtual-clock.ts";
import { composeVirtual } from "./agent.ts";
import { letTimePass } from "./let-time-pass.ts";
import { Network } from "./network.ts";

const ID = "d-1";
const SLOT_KIB = 64;
/** Lives of the agent, each from the start of a process to its end. */
const MAX_LIVES = 8;

export interface DeviceOptions {
  readonly artifact: Buffer;
  readonly trustedCerts?: string;
  /** Whether the fault is that the server has aborted the deployment. */
  readonly callsOff: boolean;
  readonly files?: FileActs;
}

/** A virtual board whose agent runs in this process in virtual time, and its server. */
export class VirtualDevice {
  readonly network = new Network();
  readonly clock: VirtualClock = createVirtualClock();
  readonly board: TestBoard;
  readonly server: ScriptedServer;
  readonly #options: DeviceOptions;
  readonly said: string[] = [];

  static async make(options: DeviceOptions): Promise<VirtualDevice> {
    const board = await TestBoard.make({ slotKib: SLOT_KIB, imageKib: SLOT_KIB, parent: MEMORY_FOLDER });
    const server = await ScriptedServer.start();
    await board.configure({ ServerURL: server.url });
    return new VirtualDevice(board, server, options);
  }

  private constructor(board: TestBoard, server: ScriptedServer, options: DeviceOptions) {
    this.board = board;
    this.server = server;
    this.#options = options;
    server.answer("auth", token("t1")).answer("inventory", empty(200)).answer("log", empty(204));
    server.answer("status", empty(204)).answer("/v2.mender", file(options.artifact, { etag: '"1"' }));
    const offer = deployment(ID, "v2", `${server.url}/v2.mender`);
    const isOver = (): boolean => this.finals.length > 0 || (options.callsOff && this.network.met > 0);
    server.answer("next", (exchange) => (isOver() ? empty(204) : offer)(exchange));
  }

  async remove(): Promise<void> {
    await this.server.close();
    await this.board.remove();
  }

  /** Statuses that the server has received. */
  get statuses(): readonly string[] {
    return this.server.of("status").map(({ body }) => JSON.parse(body.toString()).status);
  }

  get finals(): readonly string[] {
    return this.statuses.filter((status) => status === "success" || status === "failure");
  }

  /** `-`: the server lacks the result or its log. `+`: it received them only after it had offered the deployment again. */
  remark(): "" | "-" | "+" {
    const { finals, server } = this;
    const [final] = finals;
    if (finals.length > 1) throw new Error(`told more than once: ${finals.join(" ")}`);
    if (final === undefined || (final === "failure" && server.of("log").length === 0)) return "-";
    const fromTheBeginning = server.of("/v2.mender").filter(({ headers }) => headers.range === undefined);
    return fromTheBeginning.length > 1 ? "+" : "";
  }

  /** Runs one process after the other, with the reboots that they request, until nothing is left to do. */
  async liveToRest(afterLife: () => void): Promise<void> {
    for (let life = 1; life <= MAX_LIVES; life++) {
      const asked = this.server.of("next").length;
      const exitCode = await this.#live();
      afterLife();
      if (exitCode === 4) await this.#reboot();
      const isAsked = this.server.of("next").length > asked;
      if (exitCode === 0 && isAsked && (await this.board.pending()) === undefined && life > 1) return;
    }
    throw new Error(`not at rest after ${MAX_LIVES} lives:\n${this.said.join("\n")}`);
  }

  async #reboot(): Promise<void> {
    while ((await this.board.boot()).outcome.kind !== "up");
    this.network.isRebooted = true;
  }

  /** Does what `poll --now` does. @returns its exit status */
  async #live(): Promise<number> {
    const io = new RecordingIo();
    const { board, clock, server, network } = this;
    const { trustedCerts, files } = this.#options;
    const parts = { board, clock, server: server.url, io, trustedCerts, files, network: network.wrap.bind(network) };
    const life = untilReboot(io, async (signal, leave) => {
      const poller = await composeVirtual(parts, { alone: (work) => work(), leavesReboot: true, leave });
      await poller.once(signal);
    }).catch((error: unknown) => {
      if (!(error instanceof AgentError)) throw error;
      io.exitCode = 1;
    });
    await letTimePass(life, clock, network);
    this.said.push(...io.errLines);
    return io.exitCode;
  }
}
