import { readFile } from "node:fs/promises";
import { capture, passThrough, say } from "./run.ts";
import { isTierName, type TierName } from "./tiers.ts";

const LIST = "test/debian-packages.txt";

/** Packages by name, with the tiers that need them. @throws when a line names an unknown tier */
export function parsePackages(text: string): ReadonlyMap<string, readonly TierName[]> {
  const lines = text.split("\n").map((line) => line.replace(/#.*/, "").trim());
  return new Map(
    lines
      .filter((line) => line !== "")
      .map((line) => {
        const [name = "", ...tiers] = line.split(/\s+/);
        const known = tiers.filter(isTierName);
        if (known.length === 0 || known.length < tiers.length) throw new Error(`${LIST}: unknown tier in "${line}"`);
        return [name, known];
      }),
  );
}

/** Names of the packages that the tiers need, and of those that may be installed for them. */
export function packagesFor(
  packages: ReadonlyMap<string, readonly TierName[]>,
  tiers: readonly TierName[],
  whereInstalled: ReadonlySet<TierName>,
): { readonly needed: readonly string[]; readonly brought: readonly string[] } {
  const of = (some: readonly TierName[]): readonly string[] =>
    [...packages].filter(([, needers]) => needers.some((tier) => some.includes(tier))).map(([name]) => name);
  return { needed: of(tiers), brought: of(tiers.filter((tier) => !whereInstalled.has(tier))) };
}

/**
 * Makes sure that the packages of the tiers are there: installs them as root, otherwise prints how to install them.
 *
 * @param whereInstalled tiers whose packages are never installed
 * @returns the tiers that can run
 */
export async function prepareTiers(
  tiers: readonly TierName[],
  whereInstalled: ReadonlySet<TierName> = new Set(),
): Promise<readonly TierName[]> {
  const packages = parsePackages(await readFile(LIST, "utf8"));
  const { needed, brought } = packagesFor(packages, tiers, whereInstalled);
  const toInstall = await missingOf(brought);
  if (toInstall.length > 0 && process.getuid?.() === 0) await install(toInstall);
  const missing = await missingOf(needed);
  if (missing.length === 0) return tiers;
  const runnable = tiers.filter((tier) => !missing.some((name) => packages.get(name)?.includes(tier)));
  const skipped = tiers.filter((tier) => !runnable.includes(tier));
  say(`These tests are skipped: ${skipped.join(", ")}. For them run: apt-get install ${missing.join(" ")}`);
  return runnable;
}

async function missingOf(names: readonly string[]): Promise<string[]> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills the braces in.
  const args = ["--show", "--showformat=${Package} ${db:Status-Status}\\n", ...names];
  const { stdout } = await capture("dpkg-query", args).catch(() => ({ stdout: "" })); // ignored: not Debian, all are missing.
  const installed = new Set(stdout.split("\n"));
  return names.filter((name) => !installed.has(`${name} installed`));
}

async function install(names: readonly string[]): Promise<void> {
  say(`Installing ${names.join(" ")}`);
  const env = { DEBIAN_FRONTEND: "noninteractive", SYSTEMD_OFFLINE: "1" };
  const quiet = ["-qq", "-o", "Dpkg::Use-Pty=0"];
  await passThrough("apt-get", [...quiet, "update"], env);
  await passThrough("apt-get", [...quiet, "install", "-y", "--no-install-recommends", ...names], env);
}
