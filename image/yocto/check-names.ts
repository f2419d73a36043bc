import { AgentError } from "../../src/errors/agent-error.ts";
import { nearest } from "./nearest.ts";
import { integer, wrong } from "./numbers.ts";
import type { Variables } from "./read-variables.ts";
import { RENAMED } from "./variables/foreign.ts";
import { VARIABLES, variableNamed } from "./variables/table.ts";
import type { ValueKind } from "./variables/variable.ts";

/** Something that a build should correct, and that does not stop it. */
export interface YoctoWarning {
  readonly variable: string;
  readonly message: string;
}

const OURS = /^(?:MENDER|SWITCHBACK)_/;
/** BitBake writes an override behind a colon; lower-case suffixes are overrides of old releases. */
const OVERRIDE = /:|_[-0-9]*[a-z][-\w]*$/;
const NUMBERS: readonly ValueKind[] = ["megabytes", "bytes", "sectors", "seconds", "number"];
const KNOWN = VARIABLES.map(({ name }) => name);

/**
 * Looks at the names of the variables, and at numbers.
 *
 * @param unset names without a value: a typo is one even where the value is not in use
 * @throws {AgentError} YOCTO_VARIABLE_RENAMED, YOCTO_VARIABLE
 */
export function checkNames(variables: Variables, unset: readonly string[] = []): readonly YoctoWarning[] {
  const warnings: YoctoWarning[] = [];
  const all = new Map([...unset.map((name) => [name, ""] as const), ...variables]);
  for (const [key, value] of all) {
    const name = key.replace(/\[.*\]$/, "");
    const now = Object.hasOwn(RENAMED, name) ? RENAMED[name] : undefined;
    if (now !== undefined && value !== "") throw new AgentError("YOCTO_VARIABLE_RENAMED", { variable: name, use: now });
    if (!OURS.test(name) && variableNamed(name) === undefined) continue;
    const variable = variableNamed(name);
    if (variable === undefined) {
      if (OVERRIDE.test(name)) continue;
      const near = nearest(name, KNOWN);
      const hint = near === undefined ? "Nothing reads it." : `Did you mean ${near}?`;
      warnings.push({ variable: name, message: `${name} is not a known variable. ${hint}` });
      continue;
    }
    if (value === "") continue;
    const { use, meaning, harmless, kind } = variable;
    if (use === "refused" && harmless?.test(value) !== true) throw wrong(name, value, meaning);
    if (use === "ignored" && harmless?.test(value) !== true)
      warnings.push({ variable: name, message: `${name} has no effect: ${meaning}.` });
    if (use === "used" && NUMBERS.includes(kind) && key === name) integer(name, value);
  }
  return warnings;
}
