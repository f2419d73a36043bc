import { AgentError } from "../../src/errors/agent-error.ts";
import { type Variables, valueIn } from "./read-variables.ts";

const MIB = 1024 * 1024;

/** A size in MB, which are units of 1024 * 1024 bytes. @throws {AgentError} YOCTO_VARIABLE */
export const megabytes = (variables: Variables, name: string): number =>
  integer(name, valueIn(variables, name) ?? "0") * MIB;

/** @throws {AgentError} YOCTO_VARIABLE */
export function numberOf(variables: Variables, name: string): number | undefined {
  const value = valueIn(variables, name);
  return value === undefined ? undefined : integer(name, value);
}

/** A decimal or hexadecimal number that is not negative. @throws {AgentError} YOCTO_VARIABLE */
export function integer(name: string, value: string): number {
  const number = /^(?:[0-9]+|0[xX][0-9a-fA-F]+)$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw wrong(name, value, "expected a whole number");
}

export const wrong = (variable: string, value: string | number, reason: string): AgentError =>
  new AgentError("YOCTO_VARIABLE", { variable, value, reason });

export const up = (bytes: number, alignment: number): number => Math.ceil(bytes / alignment) * alignment;
export const down = (bytes: number, alignment: number): number => Math.floor(bytes / alignment) * alignment;
export const toMb = (bytes: number): number => Math.ceil(bytes / MIB);
