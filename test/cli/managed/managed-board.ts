import { mkdir, readFile, writeFile } from "node:fs/promises";
import { deployment, empty, file, token } from "../../support/answers.ts";
import type { BuiltProgram, Ended, Started } from "../../support/built-program.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";
import { TestBoard } from "../../support/test-board.ts";

/** A virtual board with a server, on which the built program runs as on a device. */
export class ManagedBoard {
  readonly board: TestBoard;
  readonly server: ScriptedServer;
  readonly #program: BuiltProgram;
  readonly #started: Started[] = [];

  static async make(program: BuiltProgram, size: Parameters<typeof TestBoard.make>[0] = {}): Promise<ManagedBoard> {
    const board = await TestBoard.make(size);
    const server = await ScriptedServer.start();
    server.answer("auth", token("t1")).answer("inventory", empty(200)).answer("status", empty(204));
    server.answer("log", empty(204)).answer("next", empty(204));
    await mkdir(board.path("share/identity"), { recursive: true });
    const script = "#!/bin/sh\necho mac=00:11\n";
    await writeFile(board.path("share/identity/mender-device-identity"), script, { mode: 0o755 });
    await board.configure({
      ServerURL: server.url,
      UpdatePollIntervalSeconds: 1,
      InventoryPollIntervalSeconds: 3600,
      RetryPollIntervalSeconds: 1,
    });
    return new ManagedBoard(program, board, server);
  }

  private constructor(program: BuiltProgram, board: TestBoard, server: ScriptedServer) {
    this.#program = program;
    this.board = board;
    this.server = server;
  }

  /** Offers an Artifact once, and nothing afterwards. @returns the Artifact */
  async deploy(path: string): Promise<Buffer> {
    const artifact = await readFile(path);
    this.server.answer("next", deployment("d-1", "v2", `${this.server.url}/v2.mender`), empty(204));
    this.server.answer("/v2.mender", file(artifact));
    return artifact;
  }

  start(...argv: readonly string[]): Started {
    return this.startWith([], ...argv);
  }

  /** The same with options for Node. */
  startWith(nodeOptions: readonly string[], ...argv: readonly string[]): Started {
    const started = this.#program.startWith(nodeOptions, ...this.board.options, ...argv);
    this.#started.push(started);
    return started;
  }

  run(...argv: readonly string[]): Promise<Ended> {
    return this.start(...argv).ended;
  }

  /** Starts a daemon and waits until it has done everything that was due. */
  async idleDaemon(): Promise<Started> {
    const daemon = this.start("daemon");
    await this.server.asked("next");
    return daemon;
  }

  /** Statuses that the server has received, in order. */
  get statuses(): readonly string[] {
    return this.server.of("status").map(({ body }) => JSON.parse(body.toString()).status);
  }

  /** Runs the daemon until it only has to ask for the next deployment, and stops it. */
  async daemonUntilIdle(): Promise<Ended> {
    const { child, ended } = this.start("daemon");
    const idle = this.server.asked("next", this.server.of("next").length + 1);
    const early = await Promise.race([idle, ended]);
    if (early !== undefined) throw new Error(`the daemon ended by itself: ${early.err.join("\n")}`);
    child.kill("SIGTERM");
    return await ended;
  }

  async remove(): Promise<void> {
    for (const { child, ended } of this.#started) {
      child.kill("SIGKILL");
      await ended;
    }
    await this.server.close();
    await this.board.remove();
  }
}
