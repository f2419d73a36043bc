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
const OVERRIDE = /:|_[-a-z0-9][-\w]*$/;
const NUMBERS: readonly ValueKind[] = ["megabytes", "bytes", "sectors", "seconds", "number"];
const KNOWN = VARIABLES.map(({ name }) => name);

/**
 * Looks at the names of the variables, and at numbers.
 *
 * @throws {AgentError} YOCTO_VARIABLE_RENAMED, YOCTO_VARIABLE
 */
export function checkNames(variables: Variables): readonly YoctoWarning[] {
  const warnings: YoctoWarning[] = [];
  for (const [key, value] of variables) {
    const name = key.replace(/\[.*\]$/, "");
    const now = Object.hasOwn(RENAMED, name) ? RENAMED[name] : undefined;
    if (now !== undefined) throw new AgentError("YOCTO_VARIABLE_RENAMED", { variable: name, use: now });
    if (!OURS.test(name) && variableNamed(name) === undefined) continue;
    if (OVERRIDE.test(name)) continue;
    const variable = variableNamed(name);
    if (variable === undefined) {
      const near = nearest(name, KNOWN);
      const hint = near === undefined ? "Nothing reads it." : `Did you mean ${near}?`;
      warnings.push({ variable: name, message: `${name} is not a known variable. ${hint}` });
      continue;
    }
    const { use, meaning, harmless, kind } = variable;
    if (use === "refused" && harmless?.test(value) !== true) throw wrong(name, value, meaning);
    if (use === "ignored" && harmless?.test(value) !== true)
      warnings.push({ variable: name, message: `${name} has no effect: ${meaning}.` });
    if (use === "used" && NUMBERS.includes(kind) && key === name) integer(name, value);
  }
  return warnings;
}
