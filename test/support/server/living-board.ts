import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ClientBoard } from "../../../scripts/lib/client-board.ts";
import { ALONE, bootedNext, type NewSystem } from "../../system/interop/conversation.ts";

/** A board with two slots whose daemon runs, and which goes down and boots when the daemon asks for it. */
export class LivingBoard {
  readonly #board = new ClientBoard(10);
  readonly #daemon: readonly string[];
  #slot: "A" | "B" = "A";
  #life: Promise<void> = Promise.resolve();
  #isOff = true;
  /** What happens to systems that updates install. */
  newSystem: NewSystem = "comes up";
  reboots = 0;

  constructor(
    daemon: readonly string[],
    configuration: Readonly<Record<string, string | number | object>>,
    cert: string,
  ) {
    this.#daemon = daemon;
    writeFileSync(this.path("etc/server.crt"), cert);
    this.#board.configure({ ServerCertificate: "/etc/server.crt", ...configuration });
    mkdirSync(this.path("etc/bin"));
    writeFileSync(this.path("etc/bin/reboot"), "#!/bin/sh\n: > /data/going-down\nsleep 600\n", { mode: 0o755 });
    this.newKey();
  }

  path(name: string): string {
    return join(this.#board.dir, name);
  }

  /** Gives it another key. A client would need seconds to make one. */
  newKey(): void {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = privateKey.export({ type: "pkcs1", format: "pem" });
    writeFileSync(this.path("data/mender-agent.pem"), pem, { mode: 0o600 });
  }

  /** Switches it on. @param options of the daemon, until it is switched off */
  on(...options: readonly string[]): void {
    this.#isOff = false;
    this.#life = this.#live(options);
  }

  /** Cuts the power. */
  async off(): Promise<void> {
    this.#isOff = true;
    await this.#life;
  }

  log(): string {
    return readFileSync(this.path("out/daemon"), "utf8");
  }

  close(): void {
    this.#board.close();
  }

  async #live(options: readonly string[]): Promise<void> {
    const goingDown = this.path("data/going-down");
    while (!this.#isOff) {
      const child = this.#board.start(this.#slot, [
        ...ALONE,
        ...["env", "PATH=/etc/bin:/usr/bin:/usr/sbin", ...this.#daemon, ...options],
      ]);
      const ended = new Promise((resolve) => child.once("exit", resolve));
      while (!this.#isOff && !existsSync(goingDown) && child.exitCode === null) await sleep(20);
      child.kill("SIGKILL");
      await ended;
      if (!existsSync(goingDown)) continue;
      rmSync(goingDown);
      this.reboots += 1;
      this.#slot = bootedNext(this.#board, this.newSystem);
    }
  }
}
