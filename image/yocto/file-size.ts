import { stat } from "node:fs/promises";
import { AgentError } from "../../src/errors/agent-error.ts";

/** @throws {AgentError} IMAGE_INPUT */
export async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    (cause: unknown) => {
      throw new AgentError("IMAGE_INPUT", { path }, cause);
    },
  );
}
