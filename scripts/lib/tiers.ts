/**
 * Tiers of tests, by where a file lies. What a tier needs from Debian stands in `test/debian-packages.txt`;
 * `unit` needs nothing beyond Debian's essential packages, so that it runs anywhere, also on another Node.
 */
export const TIERS = {
  unit: ["test/**/*.test.ts"],
  tools: ["test/**/*.tools.test.ts"],
  crash: ["test/crash/**/*.test.ts"],
  interop: ["test/interop/**/*.test.ts"],
  fuzz: ["test/fuzz/**/*.test.ts"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type TierName = keyof typeof TIERS;

export const TIER_NAMES: readonly TierName[] = ["unit", "tools", "crash", "interop", "fuzz"];

export const isTierName = (name: string): name is TierName => Object.hasOwn(TIERS, name);

/** What the globs of `unit` and `tools` catch although it belongs to a tier of its own. */
export function excluded(tier: TierName): string[] {
  const folders = ["test/crash/**", "test/interop/**", "test/fuzz/**"];
  if (tier === "unit") return [...folders, ...TIERS.tools];
  return tier === "tools" ? folders : [];
}
