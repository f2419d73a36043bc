import { resolve } from "node:path";
import { adapterEnvironment, type ContextParts, createAdapterContext } from "../../../adapters/foreign/context.ts";
import { loadAdapterModule } from "../../../adapters/foreign/load-module.ts";
import { createModuleBootloader } from "../../../adapters/foreign/module-bootloader.ts";
import { greetAs } from "../../../adapters/foreign/program-answers.ts";
import { createProgramBootloader } from "../../../adapters/foreign/program-bootloader.ts";
import type { AdapterChoice } from "../../config/adapter-choice.ts";
import type { Config } from "../../config/config.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { Bootloader, SlotId } from "../../ports/bootloader.ts";
import type { Host } from "../host.ts";
import type { BootloaderParts } from "./bootloader-parts.ts";

interface AdapterParts extends BootloaderParts {
  readonly slots: Readonly<Record<SlotId, string>>;
}

/** An adapter, as the configuration or the command line names it. */
export interface AdapterSource extends Pick<AdapterChoice, "source" | "from"> {
  /** Set if the module must not share memory with other instances of itself. */
  readonly instance?: number;
}

/** Loads and validates the adapter that `Switchback.Bootloader` names. @throws {AgentError} ADAPTER_… */
export async function loadBootloader({ config, host, slots }: AdapterParts): Promise<Bootloader> {
  const { adapter } = config.switchback;
  if (adapter === undefined) throw new AgentError("CONFIG_INVALID", { key: "Switchback.Bootloader" });
  return createAdapterBootloader(adapter, contextParts(adapter, config, host, slots));
}

/** What an adapter learns about this device. */
export function contextParts(
  { options }: Pick<AdapterChoice, "options">,
  { switchback: { board } }: Config,
  host: Host,
  slots: Readonly<Record<SlotId, string>>,
): ContextParts {
  const parts = { root: board === undefined ? "" : resolve(board), slots, options };
  const process = host.process({ env: adapterEnvironment(parts, globalThis.process.env) });
  return { ...parts, process, acts: host.files };
}

/** @throws {AgentError} ADAPTER_LOAD, ADAPTER_INVALID, ADAPTER_PROTOCOL, ADAPTER_ANSWER, ADAPTER_FAILED */
export async function createAdapterBootloader(
  { source, from, ...rest }: AdapterSource,
  parts: ContextParts,
): Promise<Bootloader> {
  if ("program" in source) {
    const { ask, name } = await greetAs("bootloader", resolve(from, source.program), parts.process);
    return createProgramBootloader(name, ask);
  }
  const adapter = await loadAdapterModule("bootloader", { ...source, from, ...rest });
  return createModuleBootloader(adapter, createAdapterContext(parts), parts.calls);
}
