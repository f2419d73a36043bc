import { anchorText } from "./anchors.ts";
import type { AuditRecord } from "./chain.ts";

/** A record with what a collector needs to tell tenants and servers apart. */
export interface SyslogRecord extends AuditRecord {
  readonly tenant: string;
  readonly hash: Buffer;
}

/** The sender of messages. */
export interface SyslogSender {
  readonly host: string;
  readonly version: string;
}

const PROGRAM = "switchback-server";
/** The facility "log audit". */
const FACILITY = 13;
const WARNING = 4;
const NOTICE = 5;
/** What collectors take as they come from their packages: rsyslog cuts longer messages off. */
const OCTETS_MAX = 8000;

/**
 * A record as a message of RFC 5424. The text is one JSON object in ASCII, so that no collector has to guess the encoding.
 * A record that is too long for collectors comes without its `difference`, and says so: the audit log has it.
 */
export function syslogMessage(record: SyslogRecord, { host, version }: SyslogSender): string {
  const { tenant, seq, at, actor, origin, action, object, change, difference, requestId, hash } = record;
  const severity = action === "login_failed" ? WARNING : NOTICE;
  const name = host.replaceAll(/[^!-~]/g, "").slice(0, 255);
  const data = `[origin software="${PROGRAM}" swVersion="${version.replaceAll(/["\\\]]/g, "")}"]`;
  const head = `<${FACILITY * 8 + severity}>1 ${at.toISOString()} ${name === "" ? "-" : name} ${PROGRAM} - audit ${data} `;
  const rest = { request_id: requestId, anchor: anchorText({ tenant, seq, hash: hash.toString("hex") }) };
  const body = { tenant, seq, time: at.toISOString(), actor, origin, action, object, change };
  const whole = head + ascii({ ...body, difference, ...rest });
  return whole.length <= OCTETS_MAX ? whole : head + ascii({ ...body, difference_omitted: true, ...rest });
}

const ascii = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** A message in a stream, behind the number of its octets. @see RFC 6587, section 3.4.1 */
export const framed = (message: string): string => `${Buffer.byteLength(message)} ${message}`;
