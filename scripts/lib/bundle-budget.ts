import type { Metafile } from "esbuild";

export interface Budget {
  /** Packages that the bundle may contain. */
  readonly packages: ReadonlySet<string>;
  /** Packages that the code for build hosts may contain in addition. */
  readonly toolsPackages: ReadonlySet<string>;
  /** Packages that may load at start-up, with every command. */
  readonly eagerPackages: ReadonlySet<string>;
  readonly totalBytes: number;
  /** The code that only build hosts need. `totalBytes` does not include it. */
  readonly toolsBytes: number;
  /** The entry and its static imports, which every command loads. */
  readonly startBytes: number;
  /** Size of the code that the daemon keeps in memory for months. This code may use only the packages of start-up. */
  readonly residentBytes: number;
}

/** The modules that the daemon loads in addition to the entry. */
const RESIDENT = ["src/cli/managed/daemon.ts", "src/cli/managed/daemon-action.ts"];

/**
 * Modules that commands for build hosts import when they run: `image`, `yocto`, and those of `artifact` that change an Artifact or
 * the files in it. A device gets neither them nor what only they need, but it gets the modules that register the
 * commands (`*-command.ts`), so that it can print their help.
 */
const TOOLS = /^src\/(?:artifact\/edit|cli\/(?:image|yocto|artifact\/(?:files|modify[^/]*)))(?:\/|\.ts$)/;
const REGISTERS = /-command\.ts$/;

/** The files for a device. A new name or a larger number is a decision: the commit must give the reason. */
export const BUDGET: Budget = {
  packages: new Set(["commander", "zod"]),
  toolsPackages: new Set(["js-yaml"]),
  eagerPackages: new Set(["commander"]),
  totalBytes: 700_000,
  toolsBytes: 300_000,
  startBytes: 70_000,
  residentBytes: 130_000,
};

export interface Weighed {
  /** Minified bytes by package, largest first; our own code by its top folders (`src/core`). */
  readonly byPackage: readonly (readonly [name: string, bytes: number])[];
  readonly totalBytes: number;
  readonly toolsBytes: number;
  readonly startBytes: number;
  readonly residentBytes: number;
  readonly startPackages: readonly string[];
  readonly problems: readonly string[];
}

/** Weighs a bundle against its budget. An empty bundle is a problem too. */
export function weigh({ outputs }: Metafile, budget: Budget): Weighed {
  const all = Object.keys(outputs);
  const entry = all.filter((path) => outputs[path]?.entryPoint !== undefined && path.endsWith("/switchback.mjs"));
  const tools = toolsOnly(outputs);
  const device = all.filter((path) => !tools.includes(path));
  const start = reachedStatically(outputs, entry);
  const daemon = all.filter((path) => RESIDENT.includes(outputs[path]?.entryPoint ?? ""));
  const resident = reachedStatically(outputs, [...entry, ...daemon]);
  const byPackage = [...weights(outputs, all)].sort(([, a], [, b]) => b - a);
  const packagesOf = (paths: readonly string[]): readonly string[] =>
    [...weights(outputs, paths).keys()].filter(isPackage);
  const startPackages = packagesOf(start);
  const totalBytes = sum(outputs, device);
  const toolsBytes = sum(outputs, tools);
  const startBytes = sum(outputs, start);
  const residentBytes = sum(outputs, resident);
  const problems = [
    ...packagesOf(device)
      .filter((name) => !budget.packages.has(name))
      .map((name) => `new package: ${name}`),
    ...packagesOf(tools)
      .filter((name) => !budget.packages.has(name) && !budget.toolsPackages.has(name))
      .map((name) => `new package of the tools: ${name}`),
    ...startPackages.filter((name) => !budget.eagerPackages.has(name)).map((name) => `loaded at start-up: ${name}`),
    ...packagesOf(resident)
      .filter((name) => !budget.eagerPackages.has(name) && !startPackages.includes(name))
      .map((name) => `resident with the daemon: ${name}`),
    ...over("all files", totalBytes, budget.totalBytes),
    ...over("the tools", toolsBytes, budget.toolsBytes),
    ...over("start-up", startBytes, budget.startBytes),
    ...over("the daemon", residentBytes, budget.residentBytes),
    ...(entry.length === 1 && totalBytes > 0 ? [] : ["there is no entry in the bundle"]),
  ];
  return { byPackage, totalBytes, toolsBytes, startBytes, residentBytes, startPackages, problems };
}

type Outputs = Metafile["outputs"];

const isPackage = (name: string): boolean => !/^(?:(?:src|adapters|image)(?:\/|$)|package\.json$|unused:)/.test(name);

const over = (what: string, bytes: number, limit: number): string[] =>
  bytes > limit ? [`${what}: ${bytes} bytes, ${limit} are allowed`] : [];

const sum = (outputs: Outputs, paths: readonly string[]): number =>
  paths.reduce((total, path) => total + (outputs[path]?.bytes ?? 0), 0);

/** The outputs that a device does not get: only commands for build hosts reach them. */
export function toolsOnly(outputs: Outputs): readonly string[] {
  const isTool = (path: string): boolean => {
    const source = outputs[path]?.entryPoint ?? "";
    return TOOLS.test(source) && !REGISTERS.test(source);
  };
  const device = new Set(Object.keys(outputs).filter((path) => !path.includes("/chunks/") || path.endsWith(".json")));
  for (const path of device)
    for (const { path: target, kind, external } of outputs[path]?.imports ?? [])
      if (external !== true && !(kind === "dynamic-import" && isTool(target))) device.add(target);
  const tools = Object.keys(outputs).filter(isTool);
  const reached = new Set(tools);
  for (const path of reached)
    for (const { path: target, external } of outputs[path]?.imports ?? []) if (external !== true) reached.add(target);
  return [...reached].filter((path) => !device.has(path));
}

/** The outputs that load with `entry`, including `entry`. */
export function reachedStatically(outputs: Outputs, entry: readonly string[]): string[] {
  const reached = new Set(entry);
  for (const path of reached)
    for (const { kind, path: target, external } of outputs[path]?.imports ?? [])
      if (kind === "import-statement" && external !== true) reached.add(target);
  return [...reached];
}

function weights(outputs: Outputs, paths: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const path of paths)
    for (const [input, { bytesInOutput }] of Object.entries(outputs[path]?.inputs ?? {}))
      if (bytesInOutput > 0) found.set(owner(input), (found.get(owner(input)) ?? 0) + bytesInOutput);
  return found;
}

/** `zod` for `node_modules/zod/…`, `src/core` for `src/core/…`. */
function owner(input: string): string {
  const inPackage = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1];
  return inPackage ?? input.split("/").slice(0, 2).join("/");
}
