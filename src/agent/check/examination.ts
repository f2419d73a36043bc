import type { Sandbox } from "../../../adapters/check/sandbox.ts";
import type { ContractCheck } from "../../contracts/contract.ts";
import type { AdapterSource } from "../device/adapter.ts";

export type AdapterKind = "bootloader" | "device" | "payload";

export interface CheckRequest extends AdapterSource {
  readonly kind: AdapterKind;
  readonly options: Readonly<Record<string, unknown>>;
  /** Program that plays the board's boot loader; the virtual board's own rule without it. */
  readonly firmware?: string;
  /** File with what a payload of that type holds; a hundred thousand bytes of nothing in particular without it. */
  readonly payload?: string;
  /** An update module may change this machine, where it can have no root of its own. */
  readonly onThisMachine: boolean;
  /** For each call of the adapter. */
  readonly timeoutMs: number;
  /** Looks only at promises that contain this. */
  readonly only: string;
}

/** What the check does with an adapter of one kind. */
export interface Examination {
  /** Makes everything what it was at first, before each promise. */
  reset(): Promise<void>;
  /** Asks for each function once; what a skeleton still lacks is told before the promises that it breaks. */
  readonly functions: Readonly<Record<string, () => Promise<unknown>>>;
  readonly promises: readonly ContractCheck<void>[];
}

/** Makes a sandbox's rig for the adapter. */
export type Examine = (request: CheckRequest, sandbox: Sandbox) => Promise<Examination>;

/** A contract's promises, each to be kept by `rig`. */
export const promisesOf = <Rig>(checks: readonly ContractCheck<Rig>[], rig: Rig): readonly ContractCheck<void>[] =>
  checks.map(({ title, run }) => ({ title, run: () => run(rig) }));
