import * as z from "zod/mini";
import { AgentError } from "../../errors/agent-error.ts";
import { isTextRecord } from "../../util/text-record.ts";
import { DownloadRecord } from "../install/download-record.ts";
import { ENTRIES, type Entered, type Entries, type EntryName, STATES, type StateName } from "./table.ts";

/** Replaces the deployment id for an update from the command line. */
export const STANDALONE_ID = "standalone";

/** What the deployment needs from the Artifact's header later. */
const ArtifactRecord = z.object({
  name: z.string().check(z.minLength(1)),
  group: z.optional(z.string()),
  /** Not `z.record`, which drops a key `__proto__`. */
  provides: z.custom<Record<string, string>>(isTextRecord),
  /** Absent: clear all provides. Empty: clear none. */
  clearsProvides: z.optional(z.array(z.string())),
  /** Empty until the agent has read the header. */
  payloadTypes: z.array(z.nullable(z.string())),
});
export type ArtifactRecord = z.infer<typeof ArtifactRecord>;

/**
 * The whole state of a running update that survives a power cut. Saved durably before each effect, in one transaction
 * with the changes that the previous effect requested.
 */
const SnapshotSchema = z.object({
  version: z.literal(1),
  /** The server's deployment id, or `STANDALONE_ID`. */
  id: z.string(),
  mode: z.enum(["standalone", "managed"]),
  state: z.enum(STATES),
  /** `before`: at rest, the state's effect has not begun. `main`: the effect may have been interrupted. */
  phase: z.enum(["before", "main"]),
  /** State entries and resumes since the update began or last came to rest. */
  transitions: z.int().check(z.nonnegative()),
  failed: z.boolean(),
  inconsistent: z.boolean(),
  rolledBack: z.boolean(),
  artifact: ArtifactRecord,
  /** URL of a managed update's Artifact. */
  uri: z.optional(z.string()),
  /** Present during a download that can resume after a restart. */
  download: z.optional(DownloadRecord),
});
export type Snapshot = Readonly<z.infer<typeof SnapshotSchema>>;

/** @throws {AgentError} SNAPSHOT_INVALID when the text is not a snapshot that this version understands */
export function parseSnapshot(text: string): Snapshot {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AgentError("SNAPSHOT_INVALID", {}, cause);
  }
  const parsed = SnapshotSchema.safeParse(value);
  if (!parsed.success)
    throw new AgentError("SNAPSHOT_INVALID", { where: z.prettifyError(parsed.error).split("\n")[0] ?? "" });
  return parsed.data;
}

/** Parses each member separately, so that an invalid one does not affect the others. */
const Readable = z.object({
  id: z.catch(z.string(), "unknown"),
  mode: z.catch(z.optional(SnapshotSchema.shape.mode), undefined),
  state: z.catch(z.optional(z.enum(STATES)), undefined),
  failed: z.catch(z.boolean(), true),
  artifact: z.catch(
    z.object({
      name: z.catch(ArtifactRecord.shape.name, "unknown"),
      provides: z.catch(ArtifactRecord.shape.provides, {}),
      payloadTypes: z.catch(ArtifactRecord.shape.payloadTypes, []),
    }),
    { name: "unknown", provides: {}, payloadTypes: [] },
  ),
});

/** In these states the update is over or has changed nothing yet, so a salvaged snapshot suffices to finish it. */
const FINISHABLE: readonly (StateName | undefined)[] = ["download", "cleanup", "reportResult", "sendLog"];

/**
 * Extracts from an invalid snapshot what is needed to give up its update. One cause is a rollback to an agent that does
 * not know the format. The update counts as failed, and the agent undoes what the snapshot still names.
 */
export function salvageSnapshot(text: string): Snapshot {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // ignored: nothing in the text can be read.
  }
  const { id, mode, state, failed, artifact } = Readable.safeParse(value).data ?? Readable.parse({});
  // A known id belongs to the server, which waits for a report.
  const known = mode ?? (id === "unknown" || id === STANDALONE_ID ? "standalone" : "managed");
  // Clear nothing: the device keeps the provides that it has recorded.
  const fresh = { ...begin(known, id, { ...artifact, clearsProvides: [] }), failed: true };
  if (!FINISHABLE.includes(state)) return { ...fresh, state: "askRollback" };
  return { ...fresh, state: state as StateName, failed: state === "download" || failed };
}

export const formatSnapshot = (snapshot: Snapshot): string => JSON.stringify(snapshot);

/** The snapshot of an update that has changed nothing yet. For a managed update, the header is not read yet. */
export function begin(mode: Snapshot["mode"], id: string, artifact: ArtifactRecord): Snapshot {
  const flags = { failed: false, inconsistent: false, rolledBack: false };
  return { version: 1, id, mode, state: "download", phase: "main", transitions: 0, ...flags, artifact };
}

/** The snapshot's position in the notation of the entry table: `@state` if at rest before it. */
export const placeOf = (snapshot: Snapshot): string =>
  snapshot.phase === "before" ? `@${snapshot.state}` : snapshot.state;

/** The state that the command `entry` enters, or `undefined` if the pending update does not allow the command. */
export function entryState(entry: EntryName, snapshot: Snapshot, entries: Entries = ENTRIES): Entered | undefined {
  const row: Readonly<Record<string, Entered>> = entries[entry];
  return row[placeOf(snapshot)];
}
