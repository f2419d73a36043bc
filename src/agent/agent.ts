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
export interface Agent extends Base, Pick<Device, "store" | "checkAndStageScripts" | "scriptStage"> {
  readonly standalone: Standalone;
  /** Loaded at the first use: most updates come from a file. */
  downloadParts(): Promise<DownloadParts>;
  /** Gives the next run of `standalone.install` the payloads of the Artifact that it has opened. */
  usePayloads(payloads: OpenedPayloads): void;
}

/**
 * Builds the agent from the command line's options, the environment and the configuration files. The only
 * place, with its neighbours `compose-*.ts`, that knows adapters.
 *
 * @throws {AgentError} CONFIG_INVALID
 */
export async function composeAgent(options: GlobalOptions, io: CliIo): Promise<Agent> {
  const base = await composeBase(options, io);
  const { host, config, env, log } = base;
  const {
    store,
    scripts,
    handlerFor,
    scriptStage,
    checkAndStageScripts: admit,
    finishUndo,
    expectToRun,
  } = composeDevice(base);
  let supplied: OpenedPayloads | undefined;
  const effects = createEffects({
    store,
    power: createSystemPower({ process: host.process(), clock: systemClock }),
    handlerFor,
    scripts,
    async openPayloads() {
      if (supplied === undefined) throw new AgentError("SOURCE_OPEN", { reason: "the Artifact is no longer open" });
      return supplied;
    },
  });
  return {
    ...base,
    store,
    checkAndStageScripts: admit,
    scriptStage,
    standalone: createStandalone({
      journal: createJournal(store),
      effects,
      scripts,
      handlerFor,
      finishUndo,
      expectToRun,
    }),
    async downloadParts() {
      const { composeTransport } = await import("./transport.ts");
      const transport = await composeTransport(options, config.connection, env, log);
      return { transport, clock: systemClock, log, limits: config.connection };
    },
    usePayloads(payloads) {
      supplied = payloads;
    },
  };
}
