import type { Provides } from "../../artifact/model.ts";
import type { StoreChanges } from "../../ports/store.ts";
import { isPrefixGlob } from "../../util/prefix-glob.ts";

/** Keys of the store, as the other clients name them. */
const NAME = "artifact-name";
const GROUP = "artifact-group";
const PROVIDES = "artifact-provides";

/** What the device records of the software it runs. */
export interface DeviceProvides {
  /** Absent on a device that has never been told. */
  readonly name?: string;
  readonly group?: string;
  /** Everything except the name and the group. */
  readonly provides: Provides;
}

/** Whether the device has ever been told what it runs: `unknown` with nothing beside it says that it has not. */
export const isSeeded = (stored: ReadonlyMap<string, string>): boolean =>
  stored.has(NAME) && (stored.get(NAME) !== "unknown" || stored.has(PROVIDES) || stored.has(GROUP));

/**
 * What cannot be read of it does not count: a device that does not know what it provides can still be updated, and one
 * that stops there cannot.
 */
export function readProvides(stored: ReadonlyMap<string, string>): DeviceProvides {
  const name = textOf(stored.get(NAME));
  const group = textOf(stored.get(GROUP));
  const text = stored.get(PROVIDES);
  const provides = text === undefined ? {} : parseProvides(text);
  return { ...(name !== undefined && { name }), ...(group !== undefined && { group }), provides };
}

/** What `show-provides` prints and what an Artifact's depends are held against: one flat map. */
export function flatProvides(device: DeviceProvides): Provides {
  return {
    ...device.provides,
    ...(device.name !== undefined && { artifact_name: device.name }),
    ...(device.group !== undefined && { artifact_group: device.group }),
  };
}

/** The changes that make the store hold `device`. */
export function writeProvides(device: DeviceProvides): StoreChanges {
  return new Map([
    [NAME, device.name],
    [GROUP, device.group],
    [PROVIDES, Object.keys(device.provides).length === 0 ? undefined : JSON.stringify(sorted(device.provides))],
  ]);
}

/** What an Artifact leaves behind when it is committed. */
export interface NewProvides {
  readonly name: string;
  readonly group?: string | undefined;
  readonly provides: Provides;
  readonly clearsProvides?: readonly string[] | undefined;
}

/**
 * The device's provides after a commit: what no glob clears, overlaid with what is new. Without
 * `clearsProvides` everything but the group is cleared. The group stays unless a new one comes or a glob
 * matches `artifact_group`.
 *
 * @see spec "artifact-format", section 10
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
 * `*` stands for any run of characters, all else for itself, anchored at both ends. A glob without a star, or with one at
 * its end, is looked up and not tried: the work must not grow with the product of globs and keys. The reader limits how
 * many globs of another form an Artifact may have.
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

/** Greedy and linear, because a hostile glob must not be able to make a regular expression backtrack. */
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
  // The same characters do not count for a piece and for the end.
  return from <= key.length - last.length;
}

/** A newer agent may have left values that are no text: their JSON text is equal to nothing that is depended on. */
function parseProvides(text: string): Provides {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // ignored: as `readProvides` says.
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      textOf(key),
      textOf(typeof item === "string" ? item : JSON.stringify(item)),
    ]),
  );
}

/** Half a surrogate pair, which an agent that did not look has stored, can be sent to no server. */
const textOf = <T extends string | undefined>(text: T): T => text?.replace(/\p{Cs}/gu, "\ufffd") as T;

const sorted = (provides: Provides): Provides =>
  Object.fromEntries(Object.entries(provides).sort(([a], [b]) => (a < b ? -1 : 1)));
