import type { DiskLabel } from "../../../image/yocto/settings.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { readSmallBytes } from "../../util/small-file.ts";

export type DiskKind = "sdimg" | "gptimg";

export const labelOf = (kind: DiskKind): DiskLabel => (kind === "sdimg" ? "dos" : "gpt");

/** A small file that an option names. @throws {AgentError} IMAGE_INPUT */
export function readGiven(path: string): Buffer {
  try {
    return readSmallBytes(path);
  } catch (cause) {
    throw new AgentError("IMAGE_INPUT", { path }, cause);
  }
}

/** @throws {AgentError} OPTION_INVALID */
export function epochOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^[0-9]{1,10}$/.test(text)) return Number(text);
  throw new AgentError("OPTION_INVALID", { option: "SOURCE_DATE_EPOCH", reason: "expected seconds since 1970" });
}
