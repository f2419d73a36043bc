import { join, resolve } from "node:path";
import { type ContextParts, createPayloadContext } from "../../../adapters/foreign/context.ts";
import { loadAdapterModule } from "../../../adapters/foreign/load-module.ts";
import { createModulePayload } from "../../../adapters/foreign/module-payload.ts";
import type { AdapterChoice } from "../../config/adapter-choice.ts";
import type { Config } from "../../config/config.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { FileActs } from "../../ports/files.ts";
import type { PayloadHandler } from "../../ports/payload-handler.ts";
import { type AdapterSource, contextParts } from "./adapter.ts";
import type { ModuleParts } from "./module-parts.ts";

/** Loads the handler that `Switchback.Payloads` names for a type. @throws {AgentError} ADAPTER_… */
export async function loadPayload(
  type: string,
  index: number,
  choice: AdapterChoice,
  config: Config,
  { host, paths, timeoutMs }: ModuleParts,
): Promise<PayloadHandler> {
  const slots = { A: config.rootfsPartA ?? "", B: config.rootfsPartB ?? "" };
  const folder = resolve(join(paths.datastore, "adapters/payloads", String(index).padStart(4, "0")));
  const parts = { ...contextParts(choice, config, host, slots), calls: { timeoutMs } };
  return createAdapterPayload(type, choice, parts, folder, host.files);
}

/** @throws {AgentError} ADAPTER_LOAD, ADAPTER_INVALID, ADAPTER_PROTOCOL, ADAPTER_FAILED */
export async function createAdapterPayload(
  type: string,
  { source, from, ...rest }: AdapterSource,
  parts: ContextParts,
  folder: string,
  acts: FileActs,
): Promise<PayloadHandler> {
  if ("program" in source) {
    throw new AgentError("ADAPTER_INVALID", {
      program: source.program,
      reason: "use an update module for a program that installs payloads",
    });
  }
  const adapter = await loadAdapterModule("payload", { ...source, from, ...rest });
  return createModulePayload(type, adapter, createPayloadContext(parts, folder), acts, parts.calls);
}
