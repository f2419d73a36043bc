import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Metafile } from "esbuild";
import { toolsOnly } from "../lib/bundle-budget.ts";
import type { Staged } from "./staged-tree.ts";

/** What the bundler says of each program. */
export interface Programs {
  /** The program for devices and build hosts. */
  readonly metafile: Metafile;
  /** The program that tries images under QEMU. */
  readonly harness: Metafile;
  /** The management server, its console, and the operators' command line. */
  readonly server: Metafile;
  readonly console: Metafile;
  readonly fleet: Metafile;
}

/** The part of the bundle in `dist` that a device gets, the whole bundle, or another program. */
export type Part = "device" | "whole" | "server" | "fleet";
type Output = Metafile["outputs"][string];

/** The outputs that belong to the part. The program that tries images is part of the whole. */
export function outputsOf(programs: Programs, part: Part): readonly Output[] {
  if (part === "fleet") return Object.values(programs.fleet.outputs);
  if (part === "server") return [programs.server, programs.console].flatMap(({ outputs }) => Object.values(outputs));
  const { metafile, harness } = programs;
  if (part === "whole") return [...Object.values(metafile.outputs), ...Object.values(harness.outputs)];
  const left = toolsOnly(metafile.outputs);
  return Object.entries(metafile.outputs).flatMap(([path, output]) => (left.includes(path) ? [] : [output]));
}

/** The program and its chunks, below `folder`. */
export async function programFiles(
  dist: string,
  metafile: Metafile,
  part: "device" | "whole",
  folder: string,
): Promise<readonly Staged[]> {
  const left = new Set(part === "device" ? toolsOnly(metafile.outputs).map((path) => basename(path)) : []);
  const chunks = (await readdir(join(dist, "chunks"))).filter((name) => !left.has(name));
  const names = ["switchback.mjs", ...chunks.toSorted().map((name) => `chunks/${name}`)];
  return await Promise.all(
    names.map(async (name) => ({
      path: `${folder}/${name}`,
      content: await readFile(join(dist, name)),
      mode: name === "switchback.mjs" ? (0o755 as const) : (0o644 as const),
    })),
  );
}

/** A program that is one file, in its own folder of `dist`. */
export async function oneFile(dist: string, part: string, name: string, folder: string): Promise<Staged> {
  return { path: `${folder}/${name}`, content: await readFile(join(dist, part, name)), mode: 0o755 };
}

/** The files directly in `from`, below `folder`, with their modes. Links become files. */
export async function filesFrom(from: string, folder: string, names?: readonly string[]): Promise<readonly Staged[]> {
  const found =
    names ?? (await readdir(from, { withFileTypes: true })).filter((e) => !e.isDirectory()).map((e) => e.name);
  return await Promise.all(
    found.toSorted().map(async (name) => ({
      path: `${folder}/${name}`,
      content: await readFile(join(from, name)),
      mode: ((await stat(join(from, name))).mode & 0o111) === 0 ? (0o644 as const) : (0o755 as const),
    })),
  );
}
