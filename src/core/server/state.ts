import type { StoredValue } from "../../ports/stored-value.ts";
import { isJsonObject } from "../../util/json-object.ts";
import type { Logger } from "../../util/logger.ts";

/** What the agent keeps between two polls, across processes. Its loss costs one more authorisation. */
export interface ServerState {
  /** The server's proof that the device is accepted; opaque, and a secret. */
  readonly token?: string;
  /** URL of the server that issued the token. */
  readonly server?: string;
  /** Hash of the inventory that this server has received. */
  readonly inventoryHash?: string;
  /** When each call is due, for agents that exit between polls. */
  readonly due?: SavedDue;
}

/** Times since the start of the system, so that a change of the date does not affect them. */
export interface SavedDue {
  /** Identifies that start of the system. */
  readonly boot: string;
  readonly deploymentsAtMs: number;
  readonly inventoryAtMs: number;
  readonly deploymentFailures: number;
  readonly inventoryFailures: number;
}

const VERSION = 1;

/** The state in `storedValue`; empty if it is missing or unreadable. */
export async function loadServerState(storedValue: StoredValue, log: Logger): Promise<ServerState> {
  const text = await storedValue.load();
  if (text === undefined) return {};
  const state = parse(text);
  if (state === undefined)
    log("warning", "Cannot read the saved state of the last poll, so the agent starts without it.");
  return state ?? {};
}

export const formatServerState = (state: ServerState): string => JSON.stringify({ version: VERSION, ...state });

const TEXTS = ["token", "server", "inventoryHash"] as const;
const DUE_NUMBERS = ["deploymentsAtMs", "inventoryAtMs", "deploymentFailures", "inventoryFailures"] as const;

/** Validates by hand (ADR 17). */
function parse(text: string): ServerState | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // ignored: the caller treats every kind of damage alike.
    return undefined;
  }
  if (!isJsonObject(value) || value["version"] !== VERSION) return undefined;
  const state: { -readonly [K in keyof ServerState]: ServerState[K] } = {};
  for (const key of TEXTS) {
    const item = value[key];
    if (item === undefined) continue;
    if (typeof item !== "string") return undefined;
    state[key] = item;
  }
  if (value["due"] === undefined) return state;
  return isDue(value["due"]) ? { ...state, due: value["due"] } : undefined;
}

function isDue(value: unknown): value is SavedDue {
  if (!isJsonObject(value) || typeof value["boot"] !== "string") return false;
  return DUE_NUMBERS.every((key) => Number.isFinite(value[key]));
}
