import { resolve } from "node:path";
import { adapterEnvironment, type ContextParts, createAdapterContext } from "../adapters/kit/context.ts";
import { loadAdapterModule } from "../adapters/kit/load-module.ts";
import { createModuleBootloader } from "../adapters/kit/module-bootloader.ts";
import { createAsk, greet } from "../adapters/kit/program-answers.ts";
import { createProgramBootloader } from "../adapters/kit/program-bootloader.ts";
import type { BootloaderParts } from "./compose-bootloader.ts";
import type { AdapterChoice } from "./config/adapter-choice.ts";
import { AgentError } from "./errors/agent-error.ts";
import type { Bootloader, SlotId } from "./ports/bootloader.ts";

/** Folder that relative paths of adapters begin at, and that packages are looked up from. */
const CONFIG_FOLDER = "/etc/mender";

interface AdapterParts extends BootloaderParts {
  readonly slots: Readonly<Record<SlotId, string>>;
}

/** The adapter that `Switchback.Bootloader` names, found to be one. @throws {AgentError} ADAPTER_… */
export async function loadBootloader({ config, machine, slots }: AdapterParts): Promise<Bootloader> {
  const { adapter, board } = config.switchback;
  if (adapter === undefined) throw new AgentError("CONFIG_INVALID", { key: "Switchback.Bootloader" });
  const parts = {
    root: board === undefined ? "" : resolve(board),
    slots,
    options: adapter.options,
  };
  const process = machine.process({ env: adapterEnvironment(parts, globalThis.process.env) });
  return createAdapterBootloader(adapter.source, { ...parts, process, acts: machine.files });
}

/**
 * @param instance of a module that must not share memory with others of its kind
 * @throws {AgentError} ADAPTER_LOAD, ADAPTER_INVALID, ADAPTER_PROTOCOL, ADAPTER_ANSWER, ADAPTER_FAILED
 */
export async function createAdapterBootloader(
  source: AdapterChoice["source"],
  parts: ContextParts,
  instance?: number,
): Promise<Bootloader> {
  if ("program" in source) {
    const program = resolve(CONFIG_FOLDER, source.program);
    const ask = createAsk(program, parts.process);
    const { kind, name } = await greet(ask, program, new AbortController().signal);
    if (kind !== "bootloader") throw new AgentError("ADAPTER_INVALID", { program, kind, wanted: "bootloader" });
    return createProgramBootloader(name, ask);
  }
  const { module } = source;
  const from = CONFIG_FOLDER;
  const adapter = await loadAdapterModule({ module, from, ...(instance !== undefined && { instance }) });
  return createModuleBootloader(adapter, createAdapterContext(parts));
}
