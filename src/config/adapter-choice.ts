import { AgentError } from "../errors/agent-error.ts";
import { isJsonObject } from "../util/json-object.ts";

/** The board's adapter, as configured. */
export interface AdapterChoice {
  /**
   * Either the path of a JavaScript file or the name of a package, or the path of a program that implements the adapter
   * protocol.
   */
  readonly source: { readonly module: string } | { readonly program: string };
  /** Base folder of relative paths and of the package lookup: the folder of the configuration file. */
  readonly from: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** @throws {AgentError} CONFIG_INVALID */
export function readAdapterChoice(key: string, raw: object, from: string): AdapterChoice {
  const { Module: module, Program: program, Options: options = {} } = raw as Readonly<Record<string, unknown>>;
  const [path, ...others] = [module, program].filter((value) => value !== undefined);
  if (others.length > 0) {
    throw new AgentError("CONFIG_INVALID", { key, reason: "it names a Module and a Program: only one can be used" });
  }
  if (typeof path !== "string" || path === "") {
    throw new AgentError("CONFIG_INVALID", { key, reason: "it needs either a Module or a Program" });
  }
  if (!isJsonObject(options)) {
    throw new AgentError("CONFIG_INVALID", { key: `${key}.Options`, reason: "it must be an object" });
  }
  return {
    source: module === undefined ? { program: path } : { module: path },
    from,
    options,
  };
}

/** Adapter choices by payload type. @throws {AgentError} CONFIG_INVALID */
export function readPayloadChoices(
  key: string,
  raw: Readonly<Record<string, unknown>>,
  from: string,
): ReadonlyMap<string, AdapterChoice> {
  const choices = new Map<string, AdapterChoice>();
  for (const [type, value] of Object.entries(raw)) {
    const own = `${key}.${type}`;
    const choice = readAdapterChoice(own, typeof value === "object" && value !== null ? value : {}, from);
    if ("program" in choice.source) {
      const reason =
        "a program that installs payloads is an update module, and lies in modules/v3; only a Module can be named";
      throw new AgentError("CONFIG_INVALID", { key: own, reason });
    }
    choices.set(type, choice);
  }
  return choices;
}
