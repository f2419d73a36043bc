import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { inspectImage } from "../../image/inspect/inspect-image.ts";
import type { BootloaderReport } from "../../image/inspect/report.ts";
import { run } from "../../image/run.ts";
import type { Hardware } from "../board/hardware.ts";
import type { Access, CommandResult } from "../rig/guest.ts";
import { Machine } from "../rig/machine.ts";
import type { ArtifactServer } from "../server/artifact-server.ts";
import type { AgentCommands } from "./agent-commands.ts";
import { daemonConfiguration, READ_CONFIGURATION, READ_DAEMON_LOG, startDaemonWith } from "./daemon.ts";
import {
  type AgentAnswer,
  type BootChoice,
  DeviceFailure,
  type DownloadCut,
  type EnvironmentWatcher,
  type Slot,
  type TestedDevice,
} from "./device.ts";
import { EnvironmentWatch } from "./environment-watch.ts";
import { ScenarioFailure } from "./faults.ts";
import type { ManageableDevice } from "./managed-device.ts";
import { parseSystemFacts, type SlotPartitions, SYSTEM_FACTS, type SystemFacts } from "./running-slot.ts";

export interface SlotPlace {
  readonly offset: number;
  readonly size: number;
}

export interface QemuDeviceOptions {
  readonly hardware: Hardware;
  readonly access: Access;
  readonly agent: AgentCommands;
  /** Makes the disk anew, from the image. */
  copyImage(disk: string): Promise<void>;
  /** Folder for the disk, the console's log and the firmware's variables. */
  readonly folder: string;
  readonly slots: SlotPartitions;
  readonly places: Readonly<Record<Slot, SlotPlace>>;
  /** Where U-Boot's environment is on the raw disk; empty if it is elsewhere. */
  readonly environmentOffsets: readonly number[];
  /** Serves the Artifacts. */
  readonly server: ArtifactServer;
  /** How long a start may take. */
  readonly startMs: number;
  readonly signal: AbortSignal;
  /** Shell that waits until the start of the system has ended. */
  readonly settle?: string;
  readonly kvm?: boolean;
  readonly processor?: number;
  /** Receives each machine that starts. */
  onMachine?(machine: Machine): void;
}

const ATTEMPT_MS = 10_000;
const POLL_MS = 300;
/** A command of the agent waits so long for another one to end. */
const BUSY_MS = 300_000;
/** The command may wait for services that do not answer, and it must not lose its terminal meanwhile. */
const REBOOT_MS = 180_000;
/** A system that never ends its start, because of a unit that fails or waits, must not stop the harness. */
const SYSTEMD_SETTLED =
  "if [ -d /run/systemd/system ]; then timeout 180 systemctl is-system-running --wait >/dev/null 2>&1; fi; true";

/** A device under QEMU, reached over ssh. */
export class QemuDevice implements TestedDevice, ManageableDevice {
  readonly disk: string;
  readonly #options: QemuDeviceOptions;
  readonly #abort: () => void;
  #machine: Machine | undefined;
  #bootId = "";

  constructor(options: QemuDeviceOptions) {
    this.#options = options;
    this.disk = join(options.folder, "disk.img");
    this.#abort = () => void this.#machine?.cutPower();
    options.signal.addEventListener("abort", this.#abort, { once: true });
  }

  get artifacts(): number {
    return this.#options.server.count;
  }

  get machine(): Machine {
    if (this.#machine === undefined) throw new Error("the device is switched off");
    return this.#machine;
  }

  async powerOn(): Promise<Slot> {
    this.#options.signal.throwIfAborted();
    const { hardware, access, folder, kvm, processor } = this.#options;
    this.#machine = await Machine.start({
      ...{ hardware, access, folder, disk: this.disk },
      ...(kvm !== undefined && { kvm }),
      ...(processor !== undefined && { processor }),
    });
    this.#options.onMachine?.(this.#machine);
    return await this.#up(0);
  }

  async reboot(): Promise<Slot> {
    const mark = this.machine.console.mark();
    const { user } = this.#options.access;
    const guest = await this.machine.guest();
    const said = guest.run(`${user === "root" ? "" : "sudo -n "}reboot`);
    // ignored: the connection ends with the system.
    const refused = await Promise.race([said.catch(() => undefined), setTimeout(REBOOT_MS, undefined, { ref: false })]);
    if (refused !== undefined && refused.code > 0) {
      throw new DeviceFailure(`The system does not reboot: exit status ${refused.code}: ${refused.stderr.trim()}`);
    }
    this.machine.hangUp();
    return await this.#up(mark);
  }

  async cutPower(): Promise<void> {
    await this.#machine?.cutPower();
    this.#machine = undefined;
  }

  /** Cuts the power for good. */
  async close(): Promise<void> {
    this.#options.signal.removeEventListener("abort", this.#abort);
    await this.cutPower();
  }

  async reset(): Promise<void> {
    await rm(this.disk, { force: true });
    await rm(join(this.#options.folder, "firmware-variables.fd"), { force: true });
    await this.#options.copyImage(this.disk);
  }

  async install(artifact: number, cut?: DownloadCut): Promise<AgentAnswer> {
    return await this.#agent(this.#options.agent.install(this.serve(artifact, cut)));
  }

  serve(artifact: number, cut?: DownloadCut): string {
    const { server } = this.#options;
    if (cut !== undefined) server.cutNext(artifact, cut.after);
    return server.urlOf(artifact);
  }

  async startDaemon(serverUrl: string): Promise<void> {
    const { stdout } = await this.shell(READ_CONFIGURATION);
    try {
      const configuration = daemonConfiguration(stdout, serverUrl);
      const { code, stderr } = await this.shell(startDaemonWith(this.#options.agent), configuration);
      if (code !== 0) throw new ScenarioFailure("agent-refuses", "The daemon could not be started.", stderr);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new ScenarioFailure("agent-refuses", `A configuration of the agent is not JSON: ${error.message}`);
    }
  }

  async daemonLog(): Promise<string> {
    return (await this.shell(READ_DAEMON_LOG)).stdout;
  }

  async restarted(trigger: () => void): Promise<Slot> {
    const mark = this.machine.console.mark();
    trigger();
    return await this.#up(mark);
  }

  async lookForRestart(): Promise<Slot | undefined> {
    const facts = await this.#facts();
    return facts === undefined ? undefined : await this.#settled(facts);
  }

  commit(): Promise<AgentAnswer> {
    return this.#agent(this.#options.agent.commit);
  }

  rollback(): Promise<AgentAnswer> {
    return this.#agent(this.#options.agent.rollback);
  }

  async artifactName(): Promise<string> {
    const { code, stdout, text } = await this.#agent(this.#options.agent.artifactName);
    if (code !== 0) throw new Error(`the agent does not tell the name of the software: exit status ${code}: ${text}`);
    return stdout.trim().split("\n").at(-1) ?? "";
  }

  async bootChoice(): Promise<BootChoice | undefined> {
    // The guest may keep what it has written to the boot partition.
    const guest = await this.#machine?.tryGuest(ATTEMPT_MS);
    await guest?.run("sync").catch(() => undefined); // ignored: what the disk holds counts then.
    const { bootloader } = await inspectImage(this.disk, this.#options.signal);
    return bootloader && choiceOf(bootloader);
  }

  async wipe(slot: Slot): Promise<void> {
    const { offset, size } = this.#options.places[slot];
    const place = ["--offset", String(offset), "--length", String(size)];
    await run(["fallocate", "--punch-hole", "--keep-size", ...place, this.disk]);
  }

  watchEnvironment(): EnvironmentWatcher | undefined {
    const { environmentOffsets } = this.#options;
    return environmentOffsets.length === 0 ? undefined : EnvironmentWatch.start(this.disk, environmentOffsets);
  }

  lastWords(): string {
    return this.#machine?.console.lastLines() ?? "";
  }

  /** Runs a line of shell as the superuser. */
  async shell(command: string, stdin?: string): Promise<CommandResult> {
    const { user } = this.#options.access;
    const line = `PATH=$PATH:/usr/sbin:/sbin:/usr/local/bin; ${command}`;
    const guest = await this.machine.guest();
    return await guest.run(user === "root" ? line : `sudo -n sh -c '${line.replaceAll("'", "'\\''")}'`, stdin);
  }

  async #agent(command: string): Promise<AgentAnswer> {
    const deadline = Date.now() + BUSY_MS;
    for (;;) {
      const { code, stdout, stderr } = await this.shell(command);
      const text = `${stdout}${stderr}`;
      if (code === 0 || !this.#options.agent.busy.test(text) || Date.now() > deadline) return { code, text, stdout };
      await setTimeout(POLL_MS);
    }
  }

  /** Waits for a system that has started after the last one. */
  async #up(mark: number): Promise<Slot> {
    const { startMs, hardware, signal } = this.#options;
    const deadline = Date.now() + startMs;
    if (hardware.up !== undefined) {
      await this.machine.waitFor(new RegExp(hardware.up), startMs, mark).catch((error: Error) => {
        throw new DeviceFailure(error.message);
      });
    }
    for (;;) {
      signal.throwIfAborted();
      const facts = await this.#facts();
      if (facts !== undefined) return await this.#settled(facts);
      if (!this.machine.isRunning) throw new DeviceFailure("QEMU has ended.");
      if (Date.now() > deadline) throw new DeviceFailure(`No answer from ssh within ${startMs / 1000} s.`);
      await setTimeout(POLL_MS);
    }
  }

  /** What a system says that has started after the last one. The connection to any other is given up. */
  async #facts(): Promise<SystemFacts | undefined> {
    const guest = await this.machine.tryGuest(ATTEMPT_MS);
    const said = await guest?.run(SYSTEM_FACTS).catch(() => undefined); // ignored: the old system has gone.
    const facts = parseSystemFacts(said?.stdout ?? "");
    if (facts.bootId !== "" && facts.bootId !== this.#bootId) return facts;
    this.machine.hangUp();
    return undefined;
  }

  async #settled({ bootId, rootPartition }: SystemFacts): Promise<Slot> {
    const { slots, settle = SYSTEMD_SETTLED } = this.#options;
    this.#bootId = bootId;
    await this.shell(settle);
    const slot = (["A", "B"] as const).find((each) => slots[each] === rootPartition);
    if (slot !== undefined) return slot;
    throw new DeviceFailure(`Partition ${rootPartition ?? "unknown"} is mounted on /, which is no slot.`);
  }
}

function choiceOf({ boots, environment }: BootloaderReport): BootChoice {
  const { slot, trial = false } = boots ?? {};
  return { slot, trial, bootCount: environment?.variables["bootcount"] };
}
