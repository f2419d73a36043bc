import { AgentError } from "../../src/errors/agent-error.ts";
import { parseQuery, QueryError } from "../../src/protocol/query.ts";

/** @throws {AgentError} OPTION_INVALID */
export function readQuery(option: string, query: string): ReturnType<typeof parseQuery> {
  try {
    return parseQuery(query);
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    throw new AgentError("OPTION_INVALID", { option, value: query, reason: error.message });
  }
}
