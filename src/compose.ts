import { join } from "node:path";
import { systemClock } from "../adapters/clock/system-clock.ts";
import { createRootfsImageHandler } from "../adapters/payload/rootfs-image/handler.ts";
import { createSystemPower } from "../adapters/power/system-power.ts";
import type { GlobalOptions } from "./cli/global-options.ts";
import type { CliIo } from "./cli/io.ts";
import { createLogger } from "./cli/logging.ts";
import { composeBootloader, composeSlots } from "./compose-bootloader.ts";
import { composeConfig } from "./compose-config.ts";
import { type Machine, thisMachine } from "./compose-machine.ts";
import { hasModule, lazyModule, type ModuleParts, moduleFile } from "./compose-modules.ts";
import { composePaths } from "./compose-paths.ts";
import { composeScripts } from "./compose-scripts.ts";
import { composeSlotDevice } from "./compose-slots.ts";
import { composeStore } from "./compose-store.ts";
import type { Config } from "./config/config.ts";
import { type Paths, resolvePaths } from "./config/paths.ts";
import { createEffects, type OpenedPayloads } from "./core/deployment/effects.ts";
import type { HandlerFor } from "./core/deployment/handlers.ts";
import { createJournal } from "./core/deployment/journal.ts";
import { createStandalone, type Standalone } from "./core/deployment/standalone.ts";
import type { DownloadParts } from "./core/install/download.ts";
import { AgentError } from "./errors/agent-error.ts";
import type { Memo } from "./ports/memo.ts";
import type { PayloadHandler } from "./ports/payload-handler.ts";
import type { Store } from "./ports/store.ts";
import type { Transport } from "./ports/transport.ts";
import type { Logger } from "./util/logger.ts";

/** The agent of one device, on real adapters. */
export interface Agent {
  readonly machine: Machine;
  readonly config: Config;
  readonly paths: Paths;
  readonly deviceTypeFile: string;
  readonly log: Logger;
  readonly store: Store;
  readonly standalone: Standalone;
  /** Also throws CONFIG_INVALID. */
  readonly handlerFor: HandlerFor;
  /** Loaded at the first use: most updates come from a file. */
  transport(): Promise<Transport>;
  downloadParts(): Promise<DownloadParts>;
  /** Gives the next run of `standalone.install` the payloads of the Artifact that it has opened. */
  supply(payloads: OpenedPayloads): void;
}

/**
 * Builds the agent from the command line's options, the environment and the configuration files. The only
 * place, with its neighbours `compose-*.ts`, that knows adapters.
 *
 * @throws {AgentError} CONFIG_INVALID
 */
export async function composeAgent(options: GlobalOptions, io: CliIo): Promise<Agent> {
  const machine = io.machine ?? thisMachine;
  const log = createLogger(io, options);
  const places = resolvePaths(options, io.env);
  const config = await composeConfig(options, places, log);
  const paths = composePaths(places, config);
  const store = composeStore(paths, log, machine);
  const deviceTypeFile = config.deviceTypeFile ?? join(paths.datastore, "device_type");
  const timeoutMs = config.moduleTimeoutSeconds * 1000;
  const handlerFor = composeHandlers({ machine, paths, store, log, timeoutMs, deviceTypeFile }, config);
  const scripts = composeScripts(config, paths, log, machine);
  let connected: Promise<Transport> | undefined;
  const transport = (): Promise<Transport> => {
    connected ??= import("./compose-transport.ts").then(({ composeTransport }) =>
      composeTransport(options, config.connection, io.env, log),
    );
    return connected;
  };
  let supplied: OpenedPayloads | undefined;
  const effects = createEffects({
    store,
    power: createSystemPower({ process: machine.process(), clock: systemClock }),
    handlerFor,
    scripts,
    async openPayloads() {
      if (supplied === undefined) throw new AgentError("SOURCE_OPEN", { reason: "the Artifact is no longer open" });
      return supplied;
    },
  });
  return {
    machine,
    config,
    paths,
    deviceTypeFile,
    log,
    store,
    standalone: createStandalone({ journal: createJournal(store), effects, scripts, handlerFor }),
    handlerFor,
    transport,
    downloadParts: async () => ({ transport: await transport(), clock: systemClock, log, limits: config.connection }),
    supply(payloads) {
      supplied = payloads;
    },
  };
}

/** By payload: the board's own update module of that name, or else the handler that is built in. */
function composeHandlers(modules: ModuleParts, config: Config): HandlerFor {
  const { paths } = modules;
  const known = new Map<number, PayloadHandler>();
  const make = (type: string, index: number): PayloadHandler => {
    if (hasModule(paths, type)) return lazyModule(type, index, modules);
    if (type === "rootfs-image") return composeRootfsImage(config, modules);
    throw new AgentError("PAYLOAD_UNSUPPORTED", { type, module: moduleFile(paths, type) });
  };
  return (type, index) => {
    const handler = known.get(index) ?? make(type, index);
    known.set(index, handler);
    return handler;
  };
}

function composeRootfsImage(config: Config, { machine, store, log }: ModuleParts): PayloadHandler {
  const bootloader = composeBootloader({ config, machine, log });
  const slots = composeSlotDevice(composeSlots(config), bootloader, machine);
  const memo = memoIn(store, "rootfs-image-origin");
  const { verifyReadback } = config.switchback;
  return createRootfsImageHandler({ bootloader, slots, memo, log, clock: systemClock, verifyReadback });
}

function memoIn(store: Store, key: string): Memo {
  return {
    load: async () => (await store.load()).get(key),
    save: (value) => store.transact(new Map([[key, value]])),
  };
}
