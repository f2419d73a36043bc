import type { StoreChanges } from "../../ports/store.ts";
import { committedProvides, type DeviceProvides, readProvides, writeProvides } from "../install/provides.ts";
import type { Snapshot } from "./snapshot.ts";

const BROKEN_SUFFIX = "_INCONSISTENT";

/**
 * What the device records about itself when the update `s` ends. Nothing new if the old software runs undamaged. The
 * Artifact's provides after a commit. The Artifact's name, marked as inconsistent, if it is unknown what runs; a
 * managed update then keeps the old provides, and a standalone one takes the new ones.
 */
export function providesAfter(s: Snapshot, stored: ReadonlyMap<string, string>): StoreChanges {
  const unharmed = s.failed || s.rolledBack;
  if (unharmed && !s.inconsistent) return new Map();
  const old = readProvides(stored);
  if (!s.inconsistent) return writeProvides(committedProvides(old, s.artifact));
  const name = brokenName(s.artifact.name);
  const broken: DeviceProvides =
    s.mode === "managed" ? { ...old, name } : committedProvides(old, { ...s.artifact, name });
  return writeProvides(broken);
}

const brokenName = (name: string): string => (name.endsWith(BROKEN_SUFFIX) ? name : `${name}${BROKEN_SUFFIX}`);
