import { createRequire } from "node:module";
import { isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { BootloaderAdapter, DeviceAdapter, PayloadAdapter } from "../../src/ports/adapter.ts";
import { foreignCall } from "./foreign-call.ts";

const VERSION = 1;

/** The export of a module, for each kind of adapter. */
export interface AdapterKinds {
  readonly bootloader: BootloaderAdapter;
  readonly device: DeviceAdapter;
  readonly payload: PayloadAdapter;
}

export interface ModuleSource {
  /** Path of a JavaScript file, or name of a package. */
  readonly module: string;
  /** Base folder for relative paths and for package lookup. */
  readonly from: string;
  /** Modules loaded with different numbers do not share memory. */
  readonly instance?: number;
}

/**
 * Loads an adapter module and validates its export.
 *
 * @throws {AgentError} ADAPTER_LOAD, ADAPTER_INVALID, ADAPTER_PROTOCOL
 */
export async function loadAdapterModule<Kind extends keyof AdapterKinds>(
  wanted: Kind,
  { module, from, instance }: ModuleSource,
): Promise<AdapterKinds[Kind]> {
  let exported: Readonly<Record<string, unknown>>;
  try {
    const url = pathToFileURL(locate(module, from)).href;
    const load = () => import(instance === undefined ? url : `${url}?instance=${instance}`);
    exported = await foreignCall(module)("load", new AbortController().signal, load);
  } catch (cause) {
    throw new AgentError("ADAPTER_LOAD", { module }, cause);
  }
  expectAdapter(exported["adapter"], wanted, module);
  return exported["adapter"] as AdapterKinds[Kind];
}

/** Where npm puts system-wide packages. */
const SYSTEM_PACKAGES = ["/usr/share/switchback", "/usr/lib", "/usr/local/lib"];

function locate(module: string, from: string): string {
  if (isAbsolute(module) || /^\.\.?\//.test(module)) return resolve(from, module);
  return createRequire(join(from, "package.json")).resolve(module, { paths: [from, ...SYSTEM_PACKAGES] });
}

function expectAdapter(adapter: unknown, wanted: keyof AdapterKinds, module: string): void {
  if (typeof adapter !== "object" || adapter === null) {
    throw new AgentError("ADAPTER_INVALID", { module, missing: "export const adapter = { … }" });
  }
  const { protocol, kind, name, create } = adapter as Readonly<Record<string, unknown>>;
  if (typeof protocol === "number" && protocol !== VERSION) {
    throw new AgentError("ADAPTER_PROTOCOL", { module, version: protocol, known: VERSION });
  }
  const missing = [
    ...(protocol === VERSION ? [] : ["protocol: 1"]),
    ...(kind === wanted ? [] : [`kind: "${wanted}"`]),
    ...(typeof name === "string" && name !== "" ? [] : ["name"]),
    ...(typeof create === "function" ? [] : ["create(context)"]),
  ];
  if (missing.length > 0) throw new AgentError("ADAPTER_INVALID", { module, missing: missing.join(", ") });
}

/**
 * Verifies that the object from a module's `create` has the functions of its port.
 *
 * @throws {AgentError} ADAPTER_INVALID
 */
export function expectFunctions(created: unknown, names: readonly string[], adapter: string): void {
  const has = (name: string): boolean =>
    typeof created === "object" && created !== null && typeof Reflect.get(created, name) === "function";
  const missing = names.filter((name) => !has(name));
  if (missing.length > 0) throw new AgentError("ADAPTER_INVALID", { adapter, missing: missing.join(", ") });
}
