import type { Sandbox } from "../../../adapters/check/sandbox.ts";
import type { ContractCheck } from "../../contracts/contract.ts";
import type { AdapterSource } from "../device/adapter.ts";

export type AdapterKind = "bootloader" | "device" | "payload";

export interface CheckRequest extends AdapterSource {
  readonly kind: AdapterKind;
  readonly options: Readonly<Record<string, unknown>>;
  /** Program that plays the board's boot loader. Without it, the virtual board's own rule applies. */
  readonly firmware?: string;
  /** File with the content of a payload of that type. Without it, the check uses about 100,000 bytes of sample data. */
  readonly payload?: string;
  /** Whether an update module may change this machine if it cannot run in its own root. */
  readonly onThisMachine: boolean;
  /** Time limit of each call of the adapter. */
  readonly timeoutMs: number;
  /** Checks only promises whose title contains this text. */
  readonly only: string;
}

/** What the check does with an adapter of one kind. */
export interface Examination {
  /** Restores the initial state before each promise. */
  reset(): Promise<void>;
  /** Calls each function once, so that the check reports what a skeleton lacks before the promises that this breaks. */
  readonly functions: Readonly<Record<string, () => Promise<unknown>>>;
  readonly promises: readonly ContractCheck<void>[];
}

/** Builds a sandbox rig for the adapter. */
export type Examine = (request: CheckRequest, sandbox: Sandbox) => Promise<Examination>;

/** The promises of a contract, bound to `rig`. */
export const promisesOf = <Rig>(checks: readonly ContractCheck<Rig>[], rig: Rig): readonly ContractCheck<void>[] =>
  checks.map(({ title, run }) => ({ title, run: () => run(rig) }));
