import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { changeConfiguration } from "./configuration.ts";
import { DemoFailure, type Stage } from "./stage.ts";

/** The exit status of a daemon that wants its board to be rebooted. */
const REBOOT = 4;
const SLOT_SIZE = "8M";

/** A virtual board on which the agent runs as a daemon, with what init and a person do around it. */
export class RunningBoard {
  readonly name: string;
  readonly type: string;
  readonly #stage: Stage;
  #daemon: ChildProcess | undefined;
  #isEnding = false;
  #life: Promise<void> = Promise.resolve();

  constructor(stage: Stage, name: string, type: string) {
    this.#stage = stage;
    this.name = name;
    this.type = type;
  }

  get folder(): string {
    return this.#stage.file(this.name);
  }

  /** The options with which every command finds this board. */
  get options(): readonly string[] {
    return ["-c", this.#stage.file(this.name, "etc/mender.conf"), "-d", this.#stage.file(this.name, "data")];
  }

  /** Makes the board, with an identity of its own and a configuration for a server. */
  async create(configuration: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#must(["board", "create", this.folder, "--slot-size", SLOT_SIZE, "--device-type", this.type]);
    changeConfiguration(this.folder, configuration);
    const identity = this.#stage.file(this.name, "share/identity");
    mkdirSync(identity, { recursive: true });
    writeFileSync(`${identity}/mender-device-identity`, `#!/bin/sh\necho serial=${this.name}\n`, { mode: 0o755 });
    await this.#must(["board", "boot", this.folder]);
  }

  /**
   * Runs the daemon, and boots the board whenever the daemon asks for it.
   *
   * @param onHang called when a system does not come up; the power is cut once the promise is fulfilled
   * @param onFailure called with what ended the daemon for another reason
   */
  run(onHang: () => Promise<void>, onFailure: (reason: string) => void): void {
    this.#life = this.#live(onHang).catch((error: unknown) => {
      if (!this.#isEnding) onFailure(`${this.name}: ${error}`);
    });
  }

  /** Makes the daemon ask the server now. */
  checkUpdate(): void {
    this.#daemon?.kill("SIGUSR1");
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    this.#daemon?.kill("SIGTERM");
    await this.#life;
  }

  /** The release that the board runs, as its agent says. */
  async release(): Promise<string> {
    return (await this.#stage.run("switchback", [...this.options, "-l", "error", "show-artifact"])).out;
  }

  async #live(onHang: () => Promise<void>): Promise<void> {
    while (!this.#isEnding) {
      const lines: string[] = [];
      this.#daemon = this.#stage.start("switchback", [...this.options, "-l", "warning", "daemon"], (line) => {
        lines.push(line);
      });
      const [status] = (await once(this.#daemon, "close")) as [number | null];
      if (this.#isEnding) return;
      if (status !== REBOOT) throw new DemoFailure(`the daemon ended with ${status}: ${lines.slice(-3).join(" ")}`);
      const start = await this.#stage.run("switchback", ["board", "boot", this.folder]);
      if (start.status === 0) continue;
      await onHang();
      await this.#must(["board", "boot", this.folder]);
    }
  }

  async #must(args: readonly string[]): Promise<void> {
    const { status, out } = await this.#stage.run("switchback", args);
    if (status !== 0) throw new DemoFailure(`switchback ${args.join(" ")} ended with ${status}: ${out}`);
  }
}
