import { appendFileSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deployment, empty, file, token } from "./answers.ts";
import { readRecord, ScriptRig } from "./script-rig.ts";
import { type Responder, ScriptedServer } from "./scripted-server.ts";

/** What the daemon of the real client, mender 3.4, ran in each case. */
export const DAEMON_RECORD = "test/support/daemon-script-record.txt";
export const DAEMON_RECORDED = readRecord(DAEMON_RECORD);

/** Marks a reboot of the device in the record. */
export const REBOOTS = "(reboots)";

const SECONDS = {
  UpdatePollIntervalSeconds: 1,
  InventoryPollIntervalSeconds: 3600,
  RetryPollIntervalSeconds: 1,
  StateScriptRetryTimeoutSeconds: 2,
};

/**
 * A daemon on the rig's device, with all the restarts that it asks for, until the rig is over.
 *
 * @returns the name of what is installed then
 */
export type Daemon = (rig: DaemonScriptRig) => Promise<string>;

/** The device of `ScriptRig` with a server that deploys its Artifact until the device has reported the result. */
export class DaemonScriptRig {
  readonly scripts: ScriptRig;
  readonly server: ScriptedServer;
  /** Aborted by the first request for an update after the end of the deployment. */
  #over = new AbortController();
  #isEnded = false;

  static async make(): Promise<DaemonScriptRig> {
    const server = await ScriptedServer.start();
    const scripts = await ScriptRig.make({ ServerURL: server.url, ...SECONDS });
    const identity = join(scripts.dir, "identity");
    await mkdir(identity);
    const program = "#!/bin/sh\necho mac=00:11:22:33:44:55\n";
    await writeFile(join(identity, "mender-device-identity"), program, { mode: 0o755 });
    return new DaemonScriptRig(scripts, server);
  }

  private constructor(scripts: ScriptRig, server: ScriptedServer) {
    this.scripts = scripts;
    this.server = server;
    server.answer("auth", token("t1")).answer("inventory", empty(200)).answer("log", empty(204));
    server.answer("next", this.#answerPoll()).answer("status", this.#hearStatus());
    server.answer("/new.mender", file(readFileSync(scripts.artifact)));
  }

  get over(): AbortSignal {
    return this.#over.signal;
  }

  async remove(): Promise<void> {
    await this.server.close();
    await this.scripts.remove();
  }

  /**
   * Runs the daemon on a device that has never been updated, from its start to the first poll after the deployment.
   *
   * @param answers as those of `ScriptRig`
   * @returns what has run and what the server has heard, in order; repetitions that the clock decides on as `NAME...`
   */
  async record(daemon: Daemon, answers: readonly string[]): Promise<string> {
    this.#over = new AbortController();
    this.#isEnded = false;
    await this.scripts.prepare(answers);
    const name = await daemon(this);
    const called = await this.scripts.called();
    const end = called.findIndex((line, at) => line === NEXT && called.slice(0, at).some(isFinal));
    const repeated = new Set(answers.filter((answer) => answer.endsWith("...")).map((answer) => answer.split(" ")[0]));
    const isAgain = (line: string, at: number): boolean => repeated.has(line) && called[at - 1] === line;
    const shown = called.slice(0, end).filter((line, at) => !isAgain(line, at));
    return [...shown.map((line) => (repeated.has(line) ? `${line}...` : line)), `=${name}`].join(" ");
  }

  note(line: string): void {
    appendFileSync(this.scripts.calls, `${line}\n`);
  }

  #answerPoll(): Responder {
    const offer = deployment("d-1", "new", `${this.server.url}/new.mender`, ["board"]);
    return (exchange) => {
      this.note(NEXT);
      if (this.#isEnded) this.#over.abort();
      return (this.#isEnded ? empty(204) : offer)(exchange);
    };
  }

  #hearStatus(): Responder {
    return (exchange) => {
      const { status, substate } = JSON.parse(exchange.body.toString());
      const line = `(${status})`;
      // The real client also reports the status `failure` for a script that runs after a failure.
      if (isFinal(line) && substate === undefined) {
        this.note(line);
        this.#isEnded = true;
      }
      return empty(204)(exchange);
    };
  }
}

const NEXT = "(next)";
const isFinal = (line: string): boolean => line === "(success)" || line === "(failure)";
