import { type ChildProcess, spawn } from "node:child_process";
import { copyFile, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { exists } from "../../image/cache.ts";
import type { Hardware } from "../board/hardware.ts";
import { Console } from "./console.ts";
import { type Access, Guest } from "./guest.ts";
import { Qmp } from "./qmp.ts";

export interface MachineOptions {
  readonly hardware: Hardware;
  /** The whole disk, which the machine changes in place. */
  readonly disk: string;
  /** Folder for the console's log, the firmware's variables and QEMU's socket. */
  readonly folder: string;
  /** How to log in. Default: as root, without a password. */
  readonly access?: Access;
  /** Lets the host's processor run the guest if it can. */
  readonly kvm?: boolean;
  /** The board's clock at power-on, in the format of QEMU's `-rtc base=`. */
  readonly clock?: string;
  /**
   * Number of the host's processor to use, from 0, modulo the number of processors. Boards that run at the same time
   * need different ones.
   */
  readonly processor?: number;
}

/** After the console shows `board: up …`, ssh answers. */
const UP = /board: up, version (\S+), after ([\d.]+) s/;
const POLL_MS = 200;
const SSH_MS = 20_000;

/** One board under QEMU. It is stopped and killed through its process, never by name. */
export class Machine {
  readonly console: Console;
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #qmp: Qmp;
  readonly #access: Access | undefined;
  #guest: Guest | undefined;
  #isRunning = true;

  private constructor({ process, console, port, qmp, ended, access }: Parts) {
    this.#process = process;
    this.console = console;
    this.port = port;
    this.#qmp = qmp;
    this.#ended = ended;
    this.#access = access;
    void ended.then(() => {
      this.#isRunning = false;
    });
  }

  static async start(options: MachineOptions): Promise<Machine> {
    const port = await freePort();
    const socket = join(options.folder, "qmp.sock");
    await rm(socket, { force: true });
    const args = await machineArguments(options, port, socket);
    const env = { ...process.env, QEMU_AUDIO_DRV: "none" };
    // If the rig ends for any reason, including SIGKILL, the machine ends with it.
    const tied = ["--pdeathsig", "KILL", ...(await boundTo(options)), options.hardware.program, ...args];
    const child = spawn("setpriv", tied, { stdio: ["ignore", "pipe", "pipe"], env });
    const console = new Console(join(options.folder, "console.log"));
    child.stdout?.on("data", (chunk: Buffer) => console.append(chunk));
    child.stderr?.on("data", (chunk: Buffer) => console.append(chunk));
    const ended = new Promise<void>((resolve) => {
      child.once("error", (error) => {
        console.append(Buffer.from(`${error.message}\n`));
        resolve();
      });
      child.once("exit", () => resolve());
    });
    const qmp = await Promise.race([
      Qmp.connect(socket, Date.now() + 10_000),
      ended.then(() => {
        throw new Error(`QEMU did not start:\n${console.lastLines()}`);
      }),
    ]);
    return new Machine({ process: child, console, port, qmp, ended, access: options.access });
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Resolves when QEMU has ended. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Waits until the console shows `pattern`. @throws {Error} with the last lines of the console */
  async waitFor(pattern: RegExp, ms: number, mark = 0): Promise<RegExpExecArray> {
    const deadline = Date.now() + ms;
    for (;;) {
      const found = this.console.find(pattern, mark);
      if (found !== undefined) return found;
      if (!this.#isRunning) throw new Error(`QEMU has ended before ${pattern}:\n${this.console.lastLines()}`);
      if (Date.now() > deadline) throw new Error(`no ${pattern} within ${ms / 1000} s:\n${this.console.lastLines()}`);
      await this.console.more(POLL_MS);
    }
  }

  /** Waits for a system to come up and connects to it. @returns its version */
  async waitUp(ms: number, mark = 0): Promise<string> {
    const version = await this.waitVersion(ms, mark);
    this.hangUp();
    await this.guest();
    return version;
  }

  /** Waits until a system reports on the console that it is up. @returns its version */
  async waitVersion(ms: number, mark = 0): Promise<string> {
    return (await this.waitFor(UP, ms, mark))[1] ?? "";
  }

  async guest(): Promise<Guest> {
    this.#guest ??= await connected(this.port, this.#access);
    return this.#guest;
  }

  /** Gives up the connection to a system that has gone or goes. */
  hangUp(): void {
    this.#guest?.close();
    this.#guest = undefined;
  }

  /** One attempt to log in, for `guest` to use. @returns undefined if no system answers within `ms` */
  async tryGuest(ms: number): Promise<Guest | undefined> {
    this.#guest ??= await Guest.connect(this.port, ms, this.#access).catch(() => undefined); // ignored: not yet.
    return this.#guest;
  }

  /** Reboots the running system and waits for the next one. @returns its version */
  async reboot(ms: number): Promise<string> {
    return await this.waitUp(ms, await this.startReboot());
  }

  /** Tells the running system to reboot. @returns the mark after which the console shows the next system */
  async startReboot(): Promise<number> {
    const mark = this.console.mark();
    const guest = await this.guest();
    // ignored: the connection ends with the system.
    await guest.run("reboot").catch(() => undefined);
    return mark;
  }

  /** Disconnects or reconnects the network cable. */
  async setNetwork(isUp: boolean): Promise<void> {
    await this.#qmp.execute("set_link", { name: "n0", up: isUp });
  }

  /**
   * From now on, the network delivers packets in both directions only every `ms`, so a connection transfers one window
   * in that time.
   */
  async slowNetwork(ms: number): Promise<void> {
    const filter = { "qom-type": "filter-buffer", id: "slow", netdev: "n0", interval: ms * 1000 };
    await this.#qmp.execute("object-add", filter);
  }

  /** Ends `slowNetwork`. */
  async hastenNetwork(): Promise<void> {
    await this.#qmp.execute("object-del", { id: "slow" });
  }

  /** Cuts the power: the board loses everything that it has not written. */
  async cutPower(): Promise<void> {
    this.hangUp();
    this.#qmp.close();
    this.#process.kill("SIGKILL");
    await this.#ended;
    this.console.close();
  }
}

interface Parts {
  readonly process: ChildProcess;
  readonly console: Console;
  readonly port: number;
  readonly qmp: Qmp;
  readonly ended: Promise<void>;
  readonly access: Access | undefined;
}

/**
 * Binds all threads of a translated machine to one of the processors that this process may use. On several processors
 * the threads wake each other at every sector of an emulated SD card and then wait for the same lock, which takes twice
 * the time and a third more processor time.
 */
async function boundTo({ kvm = false, processor = 0 }: MachineOptions): Promise<readonly string[]> {
  if (kvm) return [];
  const [, list = "0"] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(await readFile("/proc/self/status", "utf8")) ?? [];
  const usable = list.split(",").flatMap((range) => {
    const [from = 0, to = from] = range.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
  return ["taskset", "--cpu-list", String(usable[processor % usable.length])];
}

async function machineArguments(options: MachineOptions, port: number, socket: string): Promise<string[]> {
  const { hardware, disk, folder, clock } = options;
  const { kernel, drive, diskDevices, network, memoryMiB } = hardware;
  const translator = ["tcg", ...(hardware.translator === undefined ? [] : [hardware.translator])].join(",");
  const accelerator = ["-accel", options.kvm === true ? "kvm" : translator];
  return [
    ...hardware.arguments,
    ...accelerator,
    ...["-m", `${memoryMiB}M`, "-display", "none", "-monitor", "none", "-serial", "stdio"],
    ...["-qmp", `unix:${socket},server=on,wait=off`],
    ...(await firmwareArguments(hardware, folder)),
    ...(kernel === undefined ? [] : ["-kernel", kernel]),
    ...(clock === undefined ? [] : ["-rtc", `base=${clock}`]),
    ...["-drive", [`file=${disk}`, "format=raw", "cache=writethrough", ...drive].join(",")],
    ...diskDevices.flatMap((device) => ["-device", device]),
    ...["-netdev", `user,id=n0,hostfwd=tcp:127.0.0.1:${port}-:22`],
    ...["-device", network.replace(/(,|$)/, ",netdev=n0$1")],
  ];
}

/** The firmware's variables belong to the board and survive a power cut. */
async function firmwareArguments({ firmware }: Hardware, folder: string): Promise<readonly string[]> {
  if (firmware === undefined) return [];
  const variables = join(folder, "firmware-variables.fd");
  if (!(await exists(variables))) await copyFile(firmware.variables, variables);
  return [
    ...["-drive", `if=pflash,unit=0,format=raw,readonly=on,file=${firmware.code}`],
    ...["-drive", `if=pflash,unit=1,format=raw,file=${variables}`],
  ];
}

async function connected(port: number, access: Access | undefined): Promise<Guest> {
  const deadline = Date.now() + SSH_MS;
  for (;;) {
    try {
      return await Guest.connect(port, SSH_MS, access);
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await setTimeout(POLL_MS);
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
