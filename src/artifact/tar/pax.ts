import { AgentError } from "../../errors/agent-error.ts";

/** Fields of a PAX extended header that override those of the next member. */
export interface PaxOverrides {
  name?: string;
  size?: number;
}

const damaged = (): AgentError => new AgentError("ARTIFACT_TAR_HEADER", { reason: "pax" });

/**
 * Parses the records `LENGTH KEY=VALUE\n` of a PAX header. Ignores keys that an Artifact does not use (times, owners,
 * attributes, comments).
 *
 * @throws {AgentError} ARTIFACT_TAR_HEADER; ARTIFACT_MEMBER_TYPE for a sparse file
 */
export function parsePax(records: Buffer): PaxOverrides {
  const found: PaxOverrides = {};
  for (let at = 0; at < records.length; ) {
    const space = records.indexOf(0x20, at);
    const digits = records.toString("latin1", at, Math.min(space === -1 ? at : space, at + 9));
    const length = /^[1-9][0-9]*$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    if (length === 0 || end > records.length || records[end - 1] !== 0x0a) throw damaged();
    const record = records.toString("latin1", space + 1, end - 1);
    const equals = record.indexOf("=");
    if (equals < 1) throw damaged();
    apply(found, record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return found;
}

function apply(found: PaxOverrides, key: string, value: string): void {
  if (key === "path") found.name = value;
  if (key === "size") {
    found.size = /^[0-9]{1,16}$/.test(value) ? Number(value) : Number.NaN;
    if (!Number.isSafeInteger(found.size)) throw damaged();
  }
  if (key.startsWith("GNU.sparse.")) throw new AgentError("ARTIFACT_MEMBER_TYPE", { type: "sparse" });
}
