import { AgentError } from "../../errors/agent-error.ts";
import { parseScriptName, type ScriptAction, type ScriptState } from "./names.ts";

export const VERSION_FILE = "version";
const VERSIONS: ReadonlySet<string> = new Set(["2", "3"]);

/** An entry of a folder of state scripts, after following links. */
export interface FolderEntry {
  readonly name: string;
  readonly isFile: boolean;
  readonly isExecutable: boolean;
}

export interface ScriptSet {
  /** Names, in the order of execution. */
  readonly run: readonly string[];
  /** Scripts of this set that cannot run, because they have no execute bit. */
  readonly notExecutable: readonly string[];
}

/**
 * The scripts of a folder that belong to a state and action, sorted by the bytes of their names, independent of locale
 * and of the length of a number.
 */
export function scriptSet(entries: readonly FolderEntry[], state: ScriptState, action: ScriptAction): ScriptSet {
  const ofSet = entries.filter(({ name, isFile }) => {
    const parsed = parseScriptName(name);
    return isFile && parsed?.state === state && parsed.action === action;
  });
  const sorted = ofSet.toSorted((a, b) => compareBytes(a.name, b.name));
  return {
    run: sorted.filter(({ isExecutable }) => isExecutable).map(({ name }) => name),
    notExecutable: sorted.filter(({ isExecutable }) => !isExecutable).map(({ name }) => name),
  };
}

export const compareBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/**
 * Checks the content of a folder's file `version`. A folder without the file is valid, as for the newest client.
 *
 * @throws {AgentError} SCRIPT_VERSION
 */
export function checkVersion(folder: string, content: string | undefined): void {
  if (content === undefined) return;
  const version = content.trim();
  if (!VERSIONS.has(version)) {
    const detail = { folder, version: version.slice(0, 20), supported: [...VERSIONS].join(",") };
    throw new AgentError("SCRIPT_VERSION", detail);
  }
}
