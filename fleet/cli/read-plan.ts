import { readFileSync } from "node:fs";
import { AgentError } from "../../src/errors/agent-error.ts";
import { isJsonObject } from "../../src/util/json-object.ts";

/**
 * Reads a plan, or the phases of a Mender deployment. The server says whether they are valid.
 *
 * @throws {AgentError} OPTION_INVALID, FLEET_FILE
 */
export function readPlan(path: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    if (cause instanceof SyntaxError)
      throw new AgentError("OPTION_INVALID", { option: "--plan", value: path, reason: "not JSON" }, cause);
    throw new AgentError("FLEET_FILE", { path }, cause);
  }
  if (!isJsonObject(value))
    throw new AgentError("OPTION_INVALID", { option: "--plan", value: path, expected: "a JSON object" });
  return value;
}
