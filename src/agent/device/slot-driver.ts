import { resolve } from "node:path";
import { createDriverDevice } from "../../../adapters/device/driver-device.ts";
import { type ContextParts, createDeviceContext, type OpenStorage } from "../../../adapters/foreign/context.ts";
import { loadAdapterModule } from "../../../adapters/foreign/load-module.ts";
import { createModuleDriver } from "../../../adapters/foreign/module-driver.ts";
import { greetAs } from "../../../adapters/foreign/program-answers.ts";
import { createProgramDriver } from "../../../adapters/foreign/program-driver.ts";
import type { AdapterChoice } from "../../config/adapter-choice.ts";
import type { Config } from "../../config/config.ts";
import type { Bootloader, SlotId } from "../../ports/bootloader.ts";
import type { SlotDevice } from "../../ports/slot-device.ts";
import type { SlotDriver } from "../../ports/slot-driver.ts";
import type { Host } from "../host.ts";
import { type AdapterSource, contextParts } from "./adapter.ts";

/** The slots behind the adapter that `Switchback.Device` names. @throws {AgentError} ADAPTER_… */
export async function loadDevice(
  choice: AdapterChoice,
  config: Config,
  paths: Readonly<Record<SlotId, string>>,
  { booted }: Pick<Bootloader, "booted">,
  host: Host,
): Promise<SlotDevice> {
  return createDriverDevice({ driver: await composeSlotDriver(choice, config, paths, host), paths, booted });
}

/** The adapter itself. @throws {AgentError} ADAPTER_… */
export function composeSlotDriver(
  choice: AdapterChoice,
  config: Config,
  paths: Readonly<Record<SlotId, string>>,
  host: Host,
): Promise<SlotDriver> {
  const open: OpenStorage = (path, access) => host.openStorage(path, false, access);
  return createAdapterDriver(choice, contextParts(choice, config, host, paths), open);
}

/** @throws {AgentError} ADAPTER_LOAD, ADAPTER_INVALID, ADAPTER_PROTOCOL, ADAPTER_ANSWER, ADAPTER_FAILED */
export async function createAdapterDriver(
  { source, from, ...rest }: AdapterSource,
  parts: ContextParts,
  open: OpenStorage,
): Promise<SlotDriver> {
  if ("program" in source) {
    const program = resolve(from, source.program);
    const { ask } = await greetAs("device", program, parts.process);
    return createProgramDriver(program, parts.process, ask);
  }
  const adapter = await loadAdapterModule("device", { ...source, from, ...rest });
  return createModuleDriver(adapter, createDeviceContext(parts, open), parts.calls);
}
