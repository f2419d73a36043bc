import { AgentError } from "../../src/errors/agent-error.ts";

/** Code and details of the error that `work` throws. */
export function codeOf(work: () => unknown): Pick<AgentError, "code" | "detail"> | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof AgentError) return { code: error.code, detail: error.detail };
    throw error;
  }
  return undefined;
}
