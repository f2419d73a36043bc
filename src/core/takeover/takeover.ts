import { AgentError } from "../../errors/agent-error.ts";
import type { ClientContent, ClientStore } from "../../ports/client-store.ts";
import type { Store } from "../../ports/store.ts";
import { type DeviceProvides, isSeeded, readProvides, writeProvides } from "../install/provides.ts";
import { expectNothingPending, readClientRecord, withRecord } from "./client-record.ts";

/** Key of the agent's store. Its value is the revision of the client's store that was taken over. */
const TAKEN = "taken-over";

export const isTakenOver = (stored: ReadonlyMap<string, string>): boolean => stored.has(TAKEN);

export interface TakeoverParts {
  readonly store: Store;
  readonly client: ClientStore;
  /** What the agent records on a device that has never recorded its software; changes nothing. */
  firstProvides(): Promise<DeviceProvides | undefined>;
  /** Whether the boot loader has an update on trial. */
  isOnTrial(signal: AbortSignal): Promise<boolean>;
  /** Whether the key and the configuration can be used. @throws {AgentError} DEVICE_KEY, CONFIG_INVALID and others */
  expectUsable(): Promise<void>;
  /** Whether the agent's own update is over. @throws {AgentError} UPDATE_IN_PROGRESS */
  expectIdle(): Promise<void>;
  /** Completes a pending rollback. @throws {AgentError} the same as the failed rollback */
  finishUndo(signal: AbortSignal): Promise<void>;
}

export interface TakeoverOptions {
  /** Looks and refuses, but changes nothing. */
  readonly isCheck: boolean;
  /** Takes the client's record even if the agent has another one. */
  readonly overwrite: boolean;
}

/** `none`: there is nothing to do. `already`: it was done before. `done`: it is done, or can be done (`isCheck`). */
export interface TakeoverResult {
  readonly kind: "none" | "already" | "done";
  /** What the device runs. */
  readonly record: DeviceProvides;
}

const UNKNOWN: DeviceProvides = { name: "unknown", provides: {} };

/**
 * Records in the agent's store what the Mender client has recorded: the one change, in one transaction. The client's
 * files stay as they are. The caller must hold the locks, unless it only checks.
 *
 * @throws {AgentError} TAKEOVER_FORMAT, TAKEOVER_DAMAGED, TAKEOVER_RUNNING, TAKEOVER_PENDING, TAKEOVER_CONFLICT; those
 * of the parts
 */
export async function takeOver(
  parts: TakeoverParts,
  options: TakeoverOptions,
  signal: AbortSignal,
): Promise<TakeoverResult> {
  const { store, client } = parts;
  const stored = await store.load();
  const taken = stored.get(TAKEN);
  const found = await client.load();
  const ours = readProvides(stored);
  if (found === undefined) return { kind: taken === undefined ? "none" : "already", record: ours };
  if (taken === found.revision && !options.overwrite) return { kind: "already", record: ours };
  await parts.expectIdle();
  await expectUnused(client);
  expectNothingPending(found.values);
  if (await parts.isOnTrial(signal)) throw new AgentError("TAKEOVER_PENDING", { boot: "upgrade_available=1" });
  await parts.expectUsable();
  const first = (await parts.firstProvides()) ?? UNKNOWN;
  const record = recordIn(found, first);
  const isOwn = isSeeded(stored) && !isSame(ours, record) && (taken !== undefined || !isSame(ours, first));
  if (isOwn && !options.overwrite)
    throw new AgentError("TAKEOVER_CONFLICT", { switchback: ours.name ?? "", client: record.name ?? "" });
  if (!options.isCheck) await store.transact(new Map([...writeProvides(record), [TAKEN, found.revision]]));
  return { kind: "done", record };
}

/**
 * Gives the device back to the Mender client: updates the client's store if it differs from what the device runs now,
 * and then deletes the agent's record of the software and of the takeover. A power cut between the two leaves a device
 * that can be given back again.
 *
 * @throws {AgentError} UPDATE_IN_PROGRESS, TAKEOVER_FORMAT, TAKEOVER_DAMAGED, TAKEOVER_RUNNING, STORE_WRITE
 */
export async function giveBack(
  parts: TakeoverParts,
  { isCheck }: Pick<TakeoverOptions, "isCheck">,
  signal: AbortSignal,
): Promise<TakeoverResult> {
  const { store, client } = parts;
  const stored = await store.load();
  const record = readProvides(stored);
  if (!stored.has(TAKEN)) return { kind: "none", record };
  await parts.expectIdle();
  await expectUnused(client);
  const found = await client.load();
  if (isCheck) return { kind: "done", record };
  await parts.finishUndo(signal);
  const first = (await parts.firstProvides()) ?? UNKNOWN;
  // If the client's store has no name, the client reads it from the same file as the agent: nothing needs to change.
  if (found === undefined || !isSame(recordIn(found, first), record))
    await client.replace(withRecord(found?.values ?? new Map(), writeProvides(record)));
  await store.transact(new Map([...writeProvides({ provides: {} }), [TAKEN, undefined]]));
  return { kind: "done", record };
}

async function expectUnused(client: ClientStore): Promise<void> {
  const user = await client.user();
  if (user !== undefined) throw new AgentError("TAKEOVER_RUNNING", { ...user });
}

function recordIn({ values }: ClientContent, first: DeviceProvides): DeviceProvides {
  const record = readClientRecord(values);
  return record.name === undefined
    ? { ...first, ...record, provides: { ...first.provides, ...record.provides } }
    : record;
}

const isSame = (a: DeviceProvides, b: DeviceProvides): boolean => textOf(a) === textOf(b);

const textOf = (record: DeviceProvides): string => JSON.stringify([...writeProvides(record)]);
