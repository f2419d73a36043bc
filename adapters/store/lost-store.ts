import { statSync } from "node:fs";
import { join } from "node:path";
import { AgentError, describeError } from "../../src/errors/agent-error.ts";
import { STORE_ASIDE, STORE_FILE } from "./file-store.ts";

/**
 * Reports earlier stores that were moved aside, for the log of a deployment. A deployment that was running at that time
 * lost its state, and the server offers it again. This warning is the only explanation that the server receives.
 */
export function storeWarnings(folder: string): readonly string[] {
  const path = join(folder, STORE_FILE);
  return (["STORE_DAMAGED", "STORE_NEWER"] as const).flatMap((code) => {
    const movedTo = path + STORE_ASIDE[code];
    const lost = statSync(movedTo, { throwIfNoEntry: false });
    if (lost === undefined) return [];
    return [
      `${describeError(new AgentError(code, { path, movedTo }))} The agent moved it at ${lost.ctime.toISOString()}.`,
    ];
  });
}
