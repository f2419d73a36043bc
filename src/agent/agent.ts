import { systemClock } from "../../adapters/clock/system-clock.ts";
import { createSystemPower } from "../../adapters/power/system-power.ts";
import { createEffects, type OpenedPayloads } from "../core/deployment/effects.ts";
import { createJournal } from "../core/deployment/journal.ts";
import { createStandalone, type Standalone } from "../core/deployment/standalone.ts";
import type { DownloadParts } from "../core/install/download-parts.ts";
import { AgentError } from "../errors/agent-error.ts";
import { type Base, composeBase } from "./base.ts";
import { composeDevice, type Device } from "./device/device.ts";
import type { CliIo } from "./io.ts";
import type { GlobalOptions } from "./options.ts";

/** The agent of one device, on real adapters, for updates from the command line. */
export interface Agent extends Base, Pick<Device, "store" | "admission"> {
  readonly standalone: Standalone;
  /** Like `standalone`, for an update whose Artifact is open: the update installs `payloads`. */
  standaloneWith(payloads: OpenedPayloads): Standalone;
  /** Loads these parts at first use, because most updates come from a file. */
  downloadParts(): Promise<DownloadParts>;
}

/**
 * Builds the agent from the command line's options, the environment and the configuration files. Only this folder
 * may import adapters.
 *
 * @throws {AgentError} CONFIG_INVALID
 */
export async function composeAgent(options: GlobalOptions, io: CliIo): Promise<Agent> {
  const base = await composeBase(options, io);
  const { host, config, env, log } = base;
  const { store, admission, ...device } = composeDevice(base);
  const standaloneWith = (payloads?: OpenedPayloads): Standalone => {
    const effects = createEffects({
      ...device,
      store,
      power: createSystemPower({ process: host.process(), clock: systemClock }),
      async openPayloads() {
        if (payloads === undefined) throw new AgentError("SOURCE_OPEN", { reason: "the Artifact is no longer open" });
        return payloads;
      },
    });
    return createStandalone({ ...device, journal: createJournal(store), effects });
  };
  return {
    ...base,
    store,
    admission,
    standalone: standaloneWith(),
    standaloneWith,
    async downloadParts() {
      const { composeTransport } = await import("./transport.ts");
      const transport = await composeTransport(options, config.connection, env, log);
      return { transport, clock: systemClock, log, limits: config.connection };
    },
  };
}
