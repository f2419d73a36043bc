/**
 * Tiers of tests. `NAME.crash.test.ts` and everything in `test/system/crash/` belong to the tier `crash`, and so on.
 * All other tests are `unit`. `test/debian-packages.txt` lists what a tier needs from Debian. `unit` needs only
 * Debian's essential packages, so that it runs on any machine and on another Node.
 */
export const TIER_NAMES = ["unit", "tools", "crash", "interop", "fuzz", "server", "qemu", "yocto"] as const;

export type TierName = (typeof TIER_NAMES)[number];

/**
 * Whole emulated boards need 300 MB of packages, and BitBake needs a compiler. They are installed only on request. By
 * default, such a tier runs only if its packages are installed. Naming the tier installs them.
 */
export const WHERE_INSTALLED: ReadonlySet<TierName> = new Set(["qemu", "yocto"]);

export const isTierName = (name: string): name is TierName => TIER_NAMES.some((tier) => tier === name);

const ownGlobs = (tier: TierName): string[] => [`test/system/${tier}/**/*.test.ts`, `test/**/*.${tier}.test.ts`];

/** Globs of a tier's files, for vitest. */
export function filesOf(tier: TierName): { include: string[]; exclude: string[] } {
  if (tier !== "unit") return { include: ownGlobs(tier), exclude: [] };
  return { include: ["test/**/*.test.ts"], exclude: TIER_NAMES.filter((name) => name !== "unit").flatMap(ownGlobs) };
}

/** The tier of a test file. */
export function tierOf(path: string): TierName {
  const folder = /^test\/system\/([a-z]+)\//.exec(path)?.[1] ?? "";
  const suffix = /\.([a-z]+)\.test\.ts$/.exec(path)?.[1] ?? "";
  return [suffix, folder].find(isTierName) ?? "unit";
}
