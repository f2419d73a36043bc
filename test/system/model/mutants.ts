import {
  type EffectName,
  ENTRIES,
  type Entered,
  type Entries,
  type EntryName,
  type Row,
  STATES,
  TABLE,
  type Table,
  type Target,
} from "../../../src/core/deployment/table.ts";
import type { ScriptState } from "../../../src/core/scripts/names.ts";
import type { DeploymentStatus } from "../../../src/ports/deployment-server.ts";
import { PRODUCT, type Product } from "./explore.ts";

/** The product with one cell changed. */
export interface Mutant {
  /** `state.column: was -> is`. */
  readonly name: string;
  readonly product: Product;
  /**
   * Where the changed cell is read: before an effect (`run:state`), on a snapshot on disk (`found:place`), or by a step
   * that enters the row (`enter:state`).
   */
  readonly cell: string;
}

type Working = keyof Table;
const ROWS = Object.entries(TABLE) as readonly (readonly [Working, Row])[];
const EFFECTS: readonly EffectName[] = ROWS.map(([, row]) => row.run);
const SETS = ["enter", "leave", "error"] as const;
const SCRIPT_STATES: readonly ScriptState[] = [
  "Download",
  "ArtifactInstall",
  "ArtifactReboot",
  "ArtifactCommit",
  "ArtifactRollback",
  "ArtifactRollbackReboot",
  "ArtifactFailure",
];
const canRun = (row: Row, set: (typeof SETS)[number]): boolean =>
  set === "enter" || (set === "leave" ? row.ok !== undefined : row.fail !== undefined);
const hasScripts = ({ enter, leave }: Row): boolean => enter !== undefined || leave !== undefined;
const TARGETS = ["ok", "no", "hold", "fail", "abort"] as const;
const STATUSES: readonly DeploymentStatus[] = ["downloading", "installing", "rebooting", "success", "failure"];

/**
 * Every cell of both tables, changed into every other possible value. A row without `ok` has no cells that say whether
 * it restores or which scripts leave it. A row without `fail` has no cells for damage or Error scripts.
 */
export function mutants(): readonly Mutant[] {
  return [...ROWS.flatMap(([state, row]) => rowMutants(state, row)), ...entryMutants()];
}

function rowMutants(state: Working, row: Row): Mutant[] {
  const changed = <K extends keyof Row>(column: K, value: Row[K] | undefined): Mutant => ({
    name: `${state}.${column}: ${row[column] ?? "none"} -> ${value ?? "none"}`,
    cell: FOUND.has(column) ? `found:${state}` : column === "managed" ? `enter:${state}` : `run:${state}`,
    product: { ...PRODUCT, table: { ...TABLE, [state]: { ...row, [column]: value } } as Table },
  });
  const targets = TARGETS.filter((column) => row[column] !== undefined).flatMap((column) => [
    ...others(row[column], targetsOf(column)).map((target) => changed(column, target)),
    changed(column, undefined),
  ]);
  return [
    ...others(row.run, EFFECTS).map((effect) => changed("run", effect)),
    ...targets,
    ...others(row.crash, STATES).map((target) => changed("crash", target)),
    ...(row.resumes === undefined
      ? []
      : [...others(row.resumes, STATES), undefined].map((to) => changed("resumes", to))),
    ...others(row.report, [...STATUSES, undefined]).map((status) => changed("report", status)),
    ...(row.ok === undefined ? [] : [changed("managed", row.managed === true ? undefined : true)]),
    ...(row.fail === undefined ? [] : [changed("settled", row.settled === true ? undefined : true)]),
    ...SETS.filter((set) => canRun(row, set)).flatMap((set) => [
      ...others(row[set], SCRIPT_STATES).map((state) => changed(set, state)),
      ...(row[set] === undefined ? [] : [changed(set, undefined)]),
    ]),
    ...(hasScripts(row) ? [changed("lenient", row.lenient === true ? undefined : true)] : []),
    ...(row.ok === undefined ? [] : [changed("restores", row.restores === true ? undefined : true)]),
    ...(row.fail === undefined ? [] : [changed("breaks", row.breaks === true ? undefined : true)]),
    changed("crashFails", row.crashFails === true ? undefined : true),
  ];
}

/** Columns that the agent reads when it finds a snapshot on disk. */
const FOUND: ReadonlySet<keyof Row> = new Set(["crash", "crashFails", "resumes"]);

/** Only `hold` leads to a rest, so a wrong or missing rest is a possible mistake only there. */
const targetsOf = (column: (typeof TARGETS)[number]): readonly Target[] =>
  column === "hold" ? STATES.flatMap((state): Target[] => [state, `@${state}`]) : STATES;

function entryMutants(): Mutant[] {
  const found: Mutant[] = [];
  const entries: Entries = ENTRIES;
  for (const command of ["commit", "rollback"] as const) {
    for (const [place, was] of Object.entries(entries[command])) {
      const targets: readonly (Entered | undefined)[] = [...STATES, "resume", undefined];
      for (const target of others(was, targets)) found.push(entryMutant(command, place as Target, was, target));
    }
  }
  return found;
}

function entryMutant(command: EntryName, place: Target, was: Entered, is: Entered | undefined): Mutant {
  const { [place]: _, ...row }: Readonly<Partial<Record<Target, Entered>>> = ENTRIES[command];
  const entries: Entries = { ...ENTRIES, [command]: is === undefined ? row : { ...row, [place]: is } };
  return {
    name: `${command} at ${place}: ${was} -> ${is ?? "none"}`,
    cell: `found:${place}`,
    product: { ...PRODUCT, entries },
  };
}

const others = <T>(was: unknown, all: readonly T[]): readonly T[] => all.filter((one) => one !== was);
