import { AgentError } from "../../errors/agent-error.ts";
import type { Process, ProcessResult } from "../../ports/process.ts";
import { parseAttributes, sortedAttributes } from "./script-output.ts";

const LIMITS = { timeoutMs: 60_000, maxOutputBytes: 64 * 1024, endsWithOutput: true };

/**
 * Who the device is, as its identity script says: compact JSON with sorted keys. A device that says something else
 * is another device to the server.
 *
 * @throws {AgentError} IDENTITY_FAILED when the script is missing, fails, or says nothing, or nothing that counts
 * @see spec "config-and-cli", section 8
 */
export async function readIdentity(process: Process, script: string, signal: AbortSignal): Promise<string> {
  let result: ProcessResult;
  try {
    result = await process.run([script], LIMITS, signal);
  } catch (cause) {
    if (signal.aborted || !(cause instanceof AgentError)) throw cause;
    throw new AgentError("IDENTITY_FAILED", { script }, cause);
  }
  if (result.exitCode !== 0) {
    const ended = result.exitCode === undefined ? { ended: "by a signal" } : { status: result.exitCode };
    throw new AgentError("IDENTITY_FAILED", { script, ...ended });
  }
  const { attributes, odd } = parseAttributes(result.stdout);
  if (odd !== undefined) throw new AgentError("IDENTITY_FAILED", { script, line: odd.line });
  if (attributes.size === 0) throw new AgentError("IDENTITY_FAILED", { script, reason: "it says nothing" });
  return JSON.stringify(Object.fromEntries(sortedAttributes(attributes)));
}
