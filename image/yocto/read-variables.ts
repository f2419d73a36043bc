import { AgentError } from "../../src/errors/agent-error.ts";
import { readSmallFile } from "../../src/util/small-file.ts";
import { variableNamed } from "./variables/table.ts";

/** The variables of a build that are set, by name. A flag has the name `VARIABLE[flag]`. */
export type Variables = ReadonlyMap<string, string>;

/** @throws {AgentError} YOCTO_VARIABLES_FILE */
export const readVariables = (file: string): Variables => variablesOf(readBuild(file));

/** The variables, also those with an empty value, which count as not set. @throws {AgentError} YOCTO_VARIABLES_FILE */
export function readBuild(file: string): Readonly<Record<string, string>> {
  try {
    const parsed: unknown = JSON.parse(readSmallFile(file));
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new TypeError("not an object");
    const entries = Object.entries(parsed).map(([name, value]: [string, unknown]) => {
      if (typeof value === "string") return [name, value.trim()] as const;
      throw new TypeError(`${name} is not a string`);
    });
    return Object.fromEntries(entries);
  } catch (cause) {
    throw new AgentError("YOCTO_VARIABLES_FILE", { file }, cause);
  }
}

export const variablesOf = (build: Readonly<Record<string, string>>): Variables =>
  new Map(Object.entries(build).filter(([, value]) => value !== ""));

/** The value of a known variable, or its default if that is a plain value. */
export function valueIn(variables: Variables, name: string): string | undefined {
  const { standard } = known(name);
  return variables.get(name) ?? (standard?.startsWith("(") === true ? undefined : standard);
}

export const listOf = (variables: Variables, name: string): readonly string[] =>
  valueIn(variables, name)?.split(/\s+/) ?? [];

/** The flags of a variable, by name. */
export function flagsOf(variables: Variables, name: string): ReadonlyMap<string, string> {
  known(name);
  const flags = new Map<string, string>();
  for (const [key, value] of variables)
    if (key.startsWith(`${name}[`) && key.endsWith("]")) flags.set(key.slice(name.length + 1, -1), value);
  return flags;
}

function known(name: string) {
  const variable = variableNamed(name);
  if (variable === undefined) throw new Error(`${name} has no row in the table of variables`);
  return variable;
}
