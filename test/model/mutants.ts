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
} from "../../src/core/deployment/table.ts";
import type { Product } from "./explore.ts";

/** The product with one cell changed. */
export interface Mutant {
  /** `state.column: was -> is`. */
  readonly name: string;
  readonly product: Product;
  /** Where the changed cell is read: before an effect (`run:state`), or on a snapshot that is found on disk. */
  readonly cell: string;
}

type Working = keyof Table;
const ROWS = Object.entries(TABLE) as readonly (readonly [Working, Row])[];
const EFFECTS: readonly EffectName[] = ROWS.map(([, row]) => row.run);
const TARGETS = ["ok", "no", "hold", "fail"] as const;

/**
 * Every cell of both tables, changed into every other thing that could stand there. A row without `ok` never
 * restores, and one without `fail` never breaks: there either would be no cell at all.
 */
export function mutants(): readonly Mutant[] {
  return [...ROWS.flatMap(([state, row]) => rowMutants(state, row)), ...entryMutants()];
}

function rowMutants(state: Working, row: Row): Mutant[] {
  const changed = <K extends keyof Row>(column: K, value: Row[K] | undefined): Mutant => ({
    name: `${state}.${column}: ${row[column] ?? "none"} -> ${value ?? "none"}`,
    cell: column === "crash" || column === "crashFails" ? `found:${state}` : `run:${state}`,
    product: { table: { ...TABLE, [state]: { ...row, [column]: value } } as Table, entries: ENTRIES },
  });
  const targets = TARGETS.filter((column) => row[column] !== undefined).flatMap((column) => [
    ...others(row[column], targetsOf(column)).map((target) => changed(column, target)),
    changed(column, undefined),
  ]);
  return [
    ...others(row.run, EFFECTS).map((effect) => changed("run", effect)),
    ...targets,
    ...others(row.crash, STATES).map((target) => changed("crash", target)),
    ...(row.ok === undefined ? [] : [changed("restores", row.restores === true ? undefined : true)]),
    ...(row.fail === undefined ? [] : [changed("breaks", row.breaks === true ? undefined : true)]),
    changed("crashFails", row.crashFails === true ? undefined : true),
  ];
}

/** A rest is a possible mistake wherever one is written, and at the same place one that is left out. */
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
    product: { table: TABLE, entries },
  };
}

const others = <T>(was: unknown, all: readonly T[]): readonly T[] => all.filter((one) => one !== was);
