import type { StoredValue } from "../../ports/stored-value.ts";
import type { Logger } from "../../util/logger.ts";

/** What the agent keeps between two polls, also across processes. Losing it costs one more authorisation. */
export interface ServerState {
  /** The server's word that the device is accepted; opaque, and a secret. */
  readonly token?: string;
  /** Address of the server that gave it. */
  readonly server?: string;
  /** Hash of the inventory that this server has. */
  readonly inventoryHash?: string;
  /** When which poll is due, for agents that do not stay. */
  readonly due?: SavedDue;
}

/** Times since the start of this system, which no change of the date disturbs. */
export interface SavedDue {
  /** Which start of the system it was. */
  readonly boot: string;
  readonly deploymentsAtMs: number;
  readonly inventoryAtMs: number;
  readonly deploymentFailures: number;
  readonly inventoryFailures: number;
}

const VERSION = 1;

/** The state in `storedValue`; an empty one when there is none, or none that can be read. */
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

/** By hand: a daemon that waits does without a library of schemas. */
function parse(text: string): ServerState | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // ignored: the caller treats every kind of damage alike.
    return undefined;
  }
  if (!isRecord(value) || value["version"] !== VERSION) return undefined;
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
  if (!isRecord(value) || typeof value["boot"] !== "string") return false;
  return DUE_NUMBERS.every((key) => Number.isFinite(value[key]));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
