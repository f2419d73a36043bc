import { AgentError } from "../../../src/errors/agent-error.ts";

/** Runs `work` on a file of the board. @throws {AgentError} BOARD_IO in place of the system's error */
export async function boardIo<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    throw new AgentError("BOARD_IO", { path }, cause);
  }
}
