import type { AuditLog } from "../../../../src/protocol/api/audit.ts";
import type { AuditRecord } from "../../../domain/audit/chain.ts";
import { csvLine } from "./csv.ts";

export const shownRecord = (record: AuditRecord): AuditLog => {
  const { seq, at, actor, origin, action, object, change, difference, requestId } = record;
  return {
    ...{ seq, time: at.toISOString(), origin, action, change, difference },
    actor: { type: "", id: "", ...actor },
    object: { type: "", id: "", ...object },
    ...(requestId !== null && { request_id: requestId }),
  };
};

export const ndjsonRow = (record: AuditRecord): string => `${JSON.stringify(shownRecord(record))}\n`;

export const CSV_HEAD = csvLine([
  ...["seq", "time", "actor", "action", "type", "id", "object", "change"],
  ...["difference", "address", "agent", "session", "request_id"],
]);

export const csvRow = ({
  seq,
  at,
  actor,
  origin,
  action,
  object,
  change,
  difference,
  requestId,
}: AuditRecord): string =>
  csvLine([
    ...[String(seq), at.toISOString(), String(actor["email"] ?? actor["id"] ?? ""), action],
    ...[String(object["type"] ?? ""), String(object["id"] ?? ""), JSON.stringify(object), change],
    ...[JSON.stringify(difference), String(origin["address"] ?? ""), String(origin["agent"] ?? "")],
    ...[String(actor["session"] ?? ""), requestId ?? ""],
  ]);
