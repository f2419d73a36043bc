import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { AgentError } from "../errors/agent-error.ts";
import type { ArtifactScript } from "./model.ts";
import { isArtifactScriptName } from "./script-name.ts";

/**
 * Reads state scripts, from files and from folders of them, sorted by name.
 *
 * @throws {AgentError} SCRIPT_UNREADABLE, SCRIPT_NAME, SCRIPT_DUPLICATE
 */
export async function loadScripts(paths: readonly string[]): Promise<ArtifactScript[]> {
  const scripts = new Map<string, ArtifactScript>();
  for (const path of await expandFolders(paths)) {
    const name = basename(path);
    if (!isArtifactScriptName(name)) throw new AgentError("SCRIPT_NAME", { path });
    if (scripts.has(name)) throw new AgentError("SCRIPT_DUPLICATE", { path });
    scripts.set(name, { name, content: await reading(path, readFile(path)) });
  }
  return [...scripts.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function expandFolders(paths: readonly string[]): Promise<string[]> {
  const expanded = paths.map(async (path) => {
    if (!(await reading(path, stat(path))).isDirectory()) return [path];
    return (await reading(path, readdir(path))).map((name) => join(path, name));
  });
  return (await Promise.all(expanded)).flat();
}

async function reading<T>(path: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (cause) {
    throw new AgentError("SCRIPT_UNREADABLE", { path }, cause);
  }
}
