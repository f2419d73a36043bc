import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createChildProcess } from "../../../adapters/process/child-process.ts";
import { untilReboot } from "../../../src/cli/update/until-reboot.ts";
import { type Daemon, type DaemonScriptRig, REBOOTS } from "../../support/daemon-script-rig.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import type { ScriptRig } from "../../support/script-rig.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";
import { composeVirtual } from "./agent.ts";
import { letTimePass } from "./let-time-pass.ts";
import { Network } from "./network.ts";

/** Exit status of an agent that needs a reboot. */
const REBOOT = 4;

/** Starts scripts and modules as on a device, or does their work in process, which takes a tenth of the time. */
export type Programs = "started" | "played";

/** Switchback's daemon, in this process and in virtual time, so waiting takes no time. */
export const ourDaemon =
  (programs: Programs): Daemon =>
  async (rig) => {
    for (;;) {
      const exitCode = await live(rig, programs);
      if (rig.over.aborted) break;
      if (exitCode !== REBOOT) throw new Error("the daemon has ended by itself");
      rig.note(REBOOTS);
    }
    const { values } = JSON.parse(await readFile(join(rig.scripts.dir, "data/switchback-store"), "utf8"));
    return values["artifact-name"];
  };

/** Runs the daemon until the device goes down or nothing more happens. */
async function live({ scripts, server, over }: DaemonScriptRig, programs: Programs): Promise<number> {
  const { dir } = scripts;
  const io = Object.assign(new RecordingIo(), { env: { MENDER_DATA_DIR: dir, MENDER_CONF_DIR: join(dir, "etc") } });
  over.addEventListener("abort", () => io.interrupt.abort());
  const clock = createVirtualClock();
  const network = new Network();
  const board = { path: (name: string) => join(dir, name) };
  const process = programs === "started" ? undefined : played(scripts);
  const parts = { board, clock, server: server.url, io, network: network.wrap.bind(network), process };
  const life = untilReboot(io, async (signal, leave) => {
    const poller = await composeVirtual(parts, { alone: (work) => work(), leavesReboot: true, leave });
    await poller.run(signal);
  }).catch((error: unknown) => {
    if (!over.aborted) throw error;
  });
  await letTimePass(life, clock, network);
  return io.exitCode;
}

/** Really starts only a module that downloads, because it reads the agent's stream. */
const played =
  (scripts: ScriptRig): typeof createChildProcess =>
  (options) => {
    const started = createChildProcess(options);
    return {
      async run(argv, ...how) {
        const [program, call] = argv;
        if (call === "Download" || !program.startsWith(scripts.dir)) return await started.run(argv, ...how);
        return { ...scripts.call(program, call), stderr: "" };
      },
    };
  };
