import type { Provides } from "../../artifact/model.ts";
import type { StoreChanges } from "../../ports/store.ts";
import { isJsonObject } from "../../util/json-object.ts";
import { isPrefixGlob } from "../../util/prefix-glob.ts";

/** Store keys, named as in the other clients. */
const NAME = "artifact-name";
const GROUP = "artifact-group";
const PROVIDES = "artifact-provides";

/** What the device records about its software. */
export interface DeviceProvides {
  /** Absent on a device that has no recorded name. */
  readonly name?: string;
  readonly group?: string;
  /** Everything except the name and the group. */
  readonly provides: Provides;
}

/** Whether the device has recorded its software. The name `unknown` with no other key means that it has not. */
export const isSeeded = (stored: ReadonlyMap<string, string>): boolean =>
  stored.has(NAME) && (stored.get(NAME) !== "unknown" || stored.has(PROVIDES) || stored.has(GROUP));

/**
 * Reads the device's provides and ignores invalid parts: a device with unknown provides can still be updated, but not
 * if the agent stops here.
 */
export function readProvides(stored: ReadonlyMap<string, string>): DeviceProvides {
  const name = textOf(stored.get(NAME));
  const group = textOf(stored.get(GROUP));
  const text = stored.get(PROVIDES);
  const provides = text === undefined ? {} : parseProvides(text);
  return { ...(name !== undefined && { name }), ...(group !== undefined && { group }), provides };
}

/** One flat map for `show-provides` and for the check of an Artifact's depends. */
export function flatProvides(device: DeviceProvides): Provides {
  return {
    ...device.provides,
    ...(device.name !== undefined && { artifact_name: device.name }),
    ...(device.group !== undefined && { artifact_group: device.group }),
  };
}

/** The changes that store `device`. */
export function writeProvides(device: DeviceProvides): StoreChanges {
  return new Map([
    [NAME, device.name],
    [GROUP, device.group],
    [PROVIDES, Object.keys(device.provides).length === 0 ? undefined : JSON.stringify(sorted(device.provides))],
  ]);
}

/** What a committed Artifact provides and clears. */
export interface NewProvides {
  readonly name: string;
  readonly group?: string | undefined;
  readonly provides: Provides;
  readonly clearsProvides?: readonly string[] | undefined;
}

/**
 * The device's provides after a commit: the old ones that no glob clears, overlaid with the new ones. Without
 * `clearsProvides` everything except the group is cleared. The group stays unless the Artifact sets a new one or a glob
 * matches `artifact_group`.
 */
export function committedProvides(old: DeviceProvides, fresh: NewProvides): DeviceProvides {
  const isCleared = globMatcher(fresh.clearsProvides ?? []);
  const kept =
    fresh.clearsProvides === undefined ? [] : Object.entries(old.provides).filter(([key]) => !isCleared(key));
  const keptGroup = isCleared("artifact_group") ? undefined : old.group;
  const group = fresh.group === undefined || fresh.group === "" ? keptGroup : fresh.group;
  const provides = { ...Object.fromEntries(kept), ...fresh.provides };
  return { name: fresh.name, ...(group !== undefined && { group }), provides };
}

/**
 * Matches a whole key; `*` stands for any run of characters. Globs without a star, or with one star at the end, use a
 * lookup: the work must not grow with the product of globs and keys. The reader limits the number of other globs in an
 * Artifact.
 */
function globMatcher(globs: readonly string[]): (key: string) => boolean {
  const exact = new Set<string>();
  const prefixes = new Set<string>();
  const others: (readonly string[])[] = [];
  for (const glob of new Set(globs)) {
    if (!glob.includes("*")) exact.add(glob);
    else if (isPrefixGlob(glob)) prefixes.add(glob.slice(0, -1));
    else others.push(glob.split("*"));
  }
  const lengths = [...new Set([...prefixes].map((prefix) => prefix.length))];
  return (key) =>
    exact.has(key) ||
    lengths.some((length) => length <= key.length && prefixes.has(key.slice(0, length))) ||
    others.some((pieces) => matchesPieces(key, pieces));
}

/** Greedy and linear: a hostile glob must not make a regular expression backtrack. */
function matchesPieces(key: string, pieces: readonly string[]): boolean {
  const [first = "", ...rest] = pieces;
  const last = rest.pop();
  if (last === undefined) return key === first;
  if (!key.startsWith(first) || !key.endsWith(last)) return false;
  let from = first.length;
  for (const piece of rest) {
    const at = key.indexOf(piece, from);
    if (at < 0) return false;
    from = at + piece.length;
  }
  // A piece and the suffix must not share characters.
  return from <= key.length - last.length;
}

/** A newer agent may have stored values that are not text: their JSON text matches no dependency. */
function parseProvides(text: string): Provides {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // ignored: `readProvides` ignores what it cannot read.
  }
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      textOf(key),
      textOf(typeof item === "string" ? item : JSON.stringify(item)),
    ]),
  );
}

/** Replaces lone surrogates, which a careless agent may have stored: no server accepts them. */
const textOf = <T extends string | undefined>(text: T): T => text?.replace(/\p{Cs}/gu, "\ufffd") as T;

const sorted = (provides: Provides): Provides =>
  Object.fromEntries(Object.entries(provides).sort(([a], [b]) => (a < b ? -1 : 1)));
