import { AgentError } from "../../errors/agent-error.ts";
import type { Process, ProcessResult } from "../../ports/process.ts";
import { parseAttributes, sortedAttributes } from "./script-output.ts";

const LIMITS = { timeoutMs: 60_000, maxOutputBytes: 64 * 1024, endsWithOutput: true };

/**
 * The device's identity from its identity script: compact JSON with sorted keys. To the server, a device with another
 * identity is another device.
 *
 * @throws {AgentError} IDENTITY_FAILED when the script is missing, fails, or prints no valid attributes
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
  if (attributes.size === 0) throw new AgentError("IDENTITY_FAILED", { script, reason: "it printed no attribute" });
  return JSON.stringify(Object.fromEntries(sortedAttributes(attributes)));
}
