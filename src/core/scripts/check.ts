import { originOf, parseScriptName, type ScriptAction, type ScriptOrigin, type ScriptState } from "./names.ts";
import { checkVersion, compareBytes, type FolderEntry, VERSION_FILE } from "./order.ts";

/**
 * `problem`: a script does not run, or not on every device. `note`: the script works, but may not do what its author
 * meant.
 */
export interface ScriptFinding {
  readonly level: "problem" | "note";
  readonly file: string;
  readonly rule: ScriptRule;
  readonly message: string;
}

export type ScriptRule = "name" | "type" | "run-bit" | "start" | "folder" | "never" | "order" | "version";

/** A folder entry and the beginning of its content. */
export interface EntryWithHead extends FolderEntry {
  readonly head: string;
  /** The script's interpreter, if it cannot be started. */
  readonly missing?: string;
}

/** `mixed`: a build folder may hold scripts of both kinds; each kind is installed in its own folder. */
export type FolderKind = ScriptOrigin | "mixed";

export interface FolderCheck {
  /** The kind of folder that the check assumed: the requested kind, or the kind of all its scripts. */
  readonly origin: FolderKind;
  /** Scripts that run, in the order in which scripts of the same state and action run. */
  readonly runnable: readonly string[];
  readonly findings: readonly ScriptFinding[];
}

/** No `Error` scripts run after a failure in these states. */
const WITHOUT_ERROR: ReadonlySet<ScriptState> = new Set(["Idle", "ArtifactRollback", "ArtifactFailure"]);

/**
 * Finds scripts that do not run as their author expects.
 *
 * @param version content of the file `version`; `undefined` if it does not exist
 */
export function checkScriptFolder(
  entries: readonly EntryWithHead[],
  version: string | undefined,
  origin: FolderKind = kindOf(entries),
): FolderCheck {
  const sorted = entries.filter(({ name }) => name !== VERSION_FILE).toSorted((a, b) => compareBytes(a.name, b.name));
  const perEntry = sorted.map((entry) => ({ name: entry.name, finding: problemOf(entry, origin) }));
  const able = perEntry.filter(({ finding }) => finding === undefined).map(({ name }) => name);
  const problems = perEntry.flatMap(({ finding }) => (finding === undefined ? [] : [finding]));
  const versions = origin === "artifact" ? [] : checkVersionFile(version);
  // The agent refuses the whole folder, except an Artifact's scripts, to which the file does not apply.
  const isRefused = versions.some(({ level }) => level === "problem");
  const runnable = isRefused ? able.filter((name) => kindOf([{ name }]) === "artifact") : able;
  return { origin, runnable, findings: [...versions, ...problems, ...sharedNumbers(able)] };
}

function kindOf(entries: readonly Pick<FolderEntry, "name">[]): FolderKind {
  const origins = new Set(
    entries.flatMap(({ name }) => {
      const parsed = parseScriptName(name);
      return parsed === undefined ? [] : [originOf(parsed.state)];
    }),
  );
  const [only = "artifact", ...others] = origins;
  return others.length === 0 ? only : "mixed";
}

function problemOf(entry: EntryWithHead, folder: FolderKind): ScriptFinding | undefined {
  const problem = (rule: ScriptRule, message: string): ScriptFinding => ({
    level: "problem",
    file: entry.name,
    rule,
    message,
  });
  const parsed = parseScriptName(entry.name);
  if (parsed === undefined)
    return problem("name", "never runs: it is not named STATE_ACTION_NN or STATE_ACTION_NN_TEXT");
  const { state, action } = parsed;
  const origin = originOf(state);
  if (folder !== "mixed" && origin !== folder) return problem("folder", `never runs here: ${WHERE[origin]}`);
  if (isNeverRun(state, action)) return problem("never", `never runs: nothing follows a failure in ${state}`);
  if (!entry.isFile) return problem("type", "never runs: it is not a file");
  // The agent makes an Artifact's scripts executable when it unpacks them.
  if (origin === "rootfs" && !entry.isExecutable)
    return problem("run-bit", "never runs: it is not executable (chmod +x)");
  const [first = ""] = entry.head.split("\n");
  if (first.startsWith("#!") && first.endsWith("\r")) {
    return problem("start", "cannot start: its lines end with CR LF, so no interpreter has that name");
  }
  if (!first.startsWith("#!") && !entry.head.startsWith("\u007fELF")) {
    return problem("start", "does not start everywhere: it has no '#!' line and is not a program");
  }
  if (entry.missing !== undefined) {
    return problem("start", `cannot start: its interpreter ${entry.missing} is missing or not executable`);
  }
  return undefined;
}

const WHERE: Readonly<Record<ScriptOrigin, string>> = {
  rootfs: "scripts of this state belong to the root filesystem",
  artifact: "scripts of this state belong to the Artifact",
};

const isNeverRun = (state: ScriptState, action: ScriptAction): boolean =>
  action === "Error" && WITHOUT_ERROR.has(state);

function checkVersionFile(version: string | undefined): readonly ScriptFinding[] {
  const file = VERSION_FILE;
  if (version === undefined) {
    return [
      { level: "note", file, rule: "version", message: "is missing; clients before 4.0 then refuse the scripts" },
    ];
  }
  try {
    checkVersion(".", version);
    return [];
  } catch {
    // ignored: the finding reports the same, together with the others.
    return [
      { level: "problem", file, rule: "version", message: "must hold 2 or 3: no script of the root filesystem runs" },
    ];
  }
}

/** Two scripts may share a number; the text after it then decides the order. */
function sharedNumbers(names: readonly string[]): readonly ScriptFinding[] {
  const slot = (name: string): string => {
    const parsed = parseScriptName(name);
    return parsed === undefined ? name : `${parsed.state}_${parsed.action}_${parsed.order}`;
  };
  return names.flatMap((file, i) => {
    const before = names[i - 1];
    if (before === undefined || slot(before) !== slot(file)) return [];
    return [
      { level: "note", file, rule: "order", message: `has the same number as ${before}, and runs after it` } as const,
    ];
  });
}
