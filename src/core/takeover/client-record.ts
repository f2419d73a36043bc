import { AgentError } from "../../errors/agent-error.ts";
import { isTextRecord } from "../../util/text-record.ts";
import type { DeviceProvides } from "../install/provides.ts";

type Values = ReadonlyMap<string, Uint8Array>;

const NAME = "artifact-name";
const GROUP = "artifact-group";
const PROVIDES = "artifact-provides";

/** The Mender client has these keys only while an update is neither committed nor rolled back. */
const PENDING = ["standalone-state", "state", "state-uncommitted"] as const;

const KNOWN = [NAME, GROUP, PROVIDES, ...PENDING] as const;

/** @throws {AgentError} TAKEOVER_PENDING, TAKEOVER_DAMAGED */
export function expectNothingPending(values: Values): void {
  for (const key of values.keys())
    if (KNOWN.some((known) => isAlmost(key, known)))
      throw new AgentError("TAKEOVER_DAMAGED", { key, reason: "no client has a key of this name" });
  for (const key of PENDING) {
    const value = values.get(key);
    if (value !== undefined) throw new AgentError("TAKEOVER_PENDING", { key, artifact: artifactIn(value) });
  }
}

/** Whether they differ only by one character at the end: the store cannot tell that the length of a key is damaged. */
const isAlmost = (key: string, known: string): boolean =>
  Math.abs(key.length - known.length) === 1 && (key.startsWith(known) || known.startsWith(key));

/** The name in the client's record of an update; the record may be of any version. */
function artifactIn(value: Uint8Array): string {
  try {
    const { ArtifactName, UpdateInfo } = JSON.parse(new TextDecoder().decode(value));
    return String(ArtifactName ?? UpdateInfo?.Artifact?.artifact_name ?? "unknown");
  } catch {
    // ignored: the message only names it.
    return "unknown";
  }
}

/**
 * What the Mender client has recorded about the device's software; no name if it has never recorded one.
 *
 * @throws {AgentError} TAKEOVER_DAMAGED
 */
export function readClientRecord(values: Values): DeviceProvides {
  const name = textOf(values, NAME);
  const group = textOf(values, GROUP);
  const provides = providesIn(textOf(values, PROVIDES));
  return {
    ...(name !== undefined && name !== "" && { name }),
    ...(group !== undefined && group !== "" && { group }),
    provides,
  };
}

/** The client's values, with `record` as what the device runs. Everything else stays. */
export function withRecord(values: Values, record: ReadonlyMap<string, string | undefined>): Values {
  const changed = new Map(values);
  for (const [key, text] of record) {
    if (text === undefined) changed.delete(key);
    else changed.set(key, new TextEncoder().encode(text));
  }
  return changed;
}

function providesIn(text: string | undefined): DeviceProvides["provides"] {
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AgentError("TAKEOVER_DAMAGED", { key: PROVIDES }, cause);
  }
  // Go writes a map that has never been set as null.
  if (value === null) return {};
  if (isTextRecord(value)) return value;
  throw new AgentError("TAKEOVER_DAMAGED", { key: PROVIDES, reason: "it is not an object of texts" });
}

function textOf(values: Values, key: string): string | undefined {
  const value = values.get(key);
  if (value === undefined) return undefined;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  } catch (cause) {
    throw new AgentError("TAKEOVER_DAMAGED", { key }, cause);
  }
  if (text.includes("\0")) throw new AgentError("TAKEOVER_DAMAGED", { key, reason: "it holds a zero byte" });
  return text;
}
