import type { Config } from "../../config/config.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { SlotId } from "../../ports/bootloader.ts";
import type { Logger } from "../../util/logger.ts";
import type { Host } from "../host.ts";

/** Storage of the two slots. @throws {AgentError} CONFIG_INVALID when the configuration does not name both */
export function composeSlots({ rootfsPartA: A, rootfsPartB: B, refusal }: Config): Readonly<Record<SlotId, string>> {
  if (A === undefined || B === undefined || A === B) {
    const reason = "RootfsPartA and RootfsPartB must name two different devices";
    throw new AgentError("CONFIG_INVALID", { reason }, refusal);
  }
  return { A, B };
}

export interface BootloaderParts {
  readonly config: Config;
  readonly host: Host;
  readonly log: Logger;
}
