import { systemClock } from "../adapters/clock/system-clock.ts";
import { createSlotDevice } from "../adapters/device/slot-device.ts";
import { createRootfsImageHandler } from "../adapters/payload/rootfs-image/handler.ts";
import { createSystemPower } from "../adapters/power/system-power.ts";
import { createChildProcess } from "../adapters/process/child-process.ts";
import type { GlobalOptions } from "./cli/global-options.ts";
import type { CliIo } from "./cli/io.ts";
import { createLogger } from "./cli/logging.ts";
import { composeBootloader, composeSlots } from "./compose-bootloader.ts";
import { composeStore } from "./compose-store.ts";
import { type Config, loadConfig } from "./config/config.ts";
import { type Paths, resolvePaths } from "./config/paths.ts";
import { createEffects, type OpenedPayload } from "./core/deployment/effects.ts";
import { createJournal } from "./core/deployment/journal.ts";
import { createStandalone, type Standalone } from "./core/deployment/standalone.ts";
import { AgentError } from "./errors/agent-error.ts";
import type { Memo } from "./ports/memo.ts";
import type { PayloadHandler } from "./ports/payload-handler.ts";
import type { Store } from "./ports/store.ts";
import type { Transport } from "./ports/transport.ts";
import type { Logger } from "./util/logger.ts";

/** The agent of one device, on real adapters. */
export interface Agent {
  readonly config: Config;
  readonly paths: Paths;
  readonly log: Logger;
  readonly store: Store;
  readonly standalone: Standalone;
  /** @throws {AgentError} PAYLOAD_UNSUPPORTED, CONFIG_INVALID */
  handlerFor(payloadType: string): PayloadHandler;
  /** Loaded at the first use: most updates come from a file. */
  transport(): Promise<Transport>;
  /** Gives the next run of `standalone.install` the payload of the Artifact that it has opened. */
  supply(open: () => Promise<OpenedPayload>): void;
}

/**
 * Builds the agent from the command line's options, the environment and the configuration files. The only
 * place, with its neighbours `compose-*.ts`, that knows adapters.
 *
 * @throws {AgentError} CONFIG_INVALID
 */
export async function composeAgent(options: GlobalOptions, io: CliIo): Promise<Agent> {
  const log = createLogger(io, options);
  const paths = resolvePaths(options, io.env);
  const config = await loadConfig(
    {
      main: paths.mainConfig,
      fallback: paths.fallbackConfig,
      mainRequired: options.config !== undefined,
      fallbackRequired: options.fallbackConfig !== undefined,
    },
    log,
  );
  const store = composeStore(paths, log);
  const processes = createChildProcess();
  const handlerFor = composeHandlers(config, store, log);
  let supplied: (() => Promise<OpenedPayload>) | undefined;
  const effects = createEffects({
    store,
    power: createSystemPower({ process: processes, clock: systemClock }),
    handlerFor,
    async openPayload() {
      if (supplied === undefined) throw new AgentError("SOURCE_OPEN", { reason: "the Artifact is no longer open" });
      return supplied();
    },
  });
  return {
    config,
    paths,
    log,
    store,
    standalone: createStandalone({ journal: createJournal(store), effects, handlerFor }),
    handlerFor,
    async transport() {
      const { composeTransport } = await import("./compose-transport.ts");
      return composeTransport(options);
    },
    supply(open) {
      supplied = open;
    },
  };
}

/** The built-in handlers by payload type. */
function composeHandlers(config: Config, store: Store, log: Logger): (payloadType: string) => PayloadHandler {
  let rootfsImage: PayloadHandler | undefined;
  return (payloadType) => {
    if (payloadType !== "rootfs-image") throw new AgentError("PAYLOAD_UNSUPPORTED", { type: payloadType });
    rootfsImage ??= composeRootfsImage(config, store, log);
    return rootfsImage;
  };
}

function composeRootfsImage(config: Config, store: Store, log: Logger): PayloadHandler {
  const bootloader = composeBootloader(config, createChildProcess());
  const slots = createSlotDevice({ paths: composeSlots(config), booted: bootloader.booted });
  return createRootfsImageHandler({ bootloader, slots, memo: memoIn(store, "rootfs-image-origin"), log });
}

function memoIn(store: Store, key: string): Memo {
  return {
    load: async () => (await store.load()).get(key),
    save: (value) => store.transact(new Map([[key, value]])),
  };
}
