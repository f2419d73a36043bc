import * as z from "zod/mini";
import { AgentError } from "../../errors/agent-error.ts";
import { isTextRecord } from "../../util/text-record.ts";
import { DownloadRecord } from "../install/download-record.ts";
import { ENTRIES, type Entered, type Entries, type EntryName, STATES, type StateName } from "./table.ts";

/** In place of a deployment's id, for an update from the command line. */
export const STANDALONE_ID = "standalone";

/** What the deployment needs of an Artifact after its header is gone. */
const ArtifactRecord = z.object({
  name: z.string().check(z.minLength(1)),
  group: z.optional(z.string()),
  /** Not `z.record`, which leaves out a key `__proto__`. */
  provides: z.custom<Record<string, string>>(isTextRecord),
  /** Absent: everything is cleared. Empty: nothing is. */
  clearsProvides: z.optional(z.array(z.string())),
  /** Empty until the header has been read. */
  payloadTypes: z.array(z.nullable(z.string())),
});
export type ArtifactRecord = z.infer<typeof ArtifactRecord>;

/**
 * All that survives a power cut of a running update. Saved durably before each effect, in one
 * transaction with the changes that the effect before it asked for.
 */
const SnapshotSchema = z.object({
  version: z.literal(1),
  /** Deployment id of the server, or `STANDALONE_ID`. */
  id: z.string(),
  mode: z.enum(["standalone", "managed"]),
  state: z.enum(STATES),
  /** `before`: at rest, the state's effect has not begun. `main`: the effect may have been cut off. */
  phase: z.enum(["before", "main"]),
  /** Saves and loads since the update began or last came to rest. */
  transitions: z.int().check(z.nonnegative()),
  failed: z.boolean(),
  inconsistent: z.boolean(),
  rolledBack: z.boolean(),
  artifact: ArtifactRecord,
  /** Where the Artifact of a managed update comes from. */
  uri: z.optional(z.string()),
  /** While the payload is being downloaded, where that can be taken up again after a restart. */
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

/** Each member by itself, so that one that cannot be read takes no other with it. */
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

/** In these an update can be finished by what is left of its snapshot: it is over, or has changed nothing yet. */
const FINISHABLE: readonly (StateName | undefined)[] = ["download", "cleanup", "reportResult", "sendLog"];

/**
 * What is needed to give up an update whose snapshot cannot be understood: by an agent, say, that it was rolled back
 * to. It has failed, and is undone as far as can be read what it has changed.
 */
export function salvageSnapshot(text: string): Snapshot {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // ignored: then nothing of it can be read.
  }
  const { id, mode, state, failed, artifact } = Readable.safeParse(value).data ?? Readable.parse({});
  // An id that is known is one of the server's, which waits to hear of it.
  const known = mode ?? (id === "unknown" || id === STANDALONE_ID ? "standalone" : "managed");
  // What the device has recorded of itself stays.
  const fresh = { ...begin(known, id, { ...artifact, clearsProvides: [] }), failed: true };
  if (!FINISHABLE.includes(state)) return { ...fresh, state: "askRollback" };
  return { ...fresh, state: state as StateName, failed: state === "download" || failed };
}

export const formatSnapshot = (snapshot: Snapshot): string => JSON.stringify(snapshot);

/** The snapshot of an update that has changed nothing yet. Of a managed one the header has not been read. */
export function begin(mode: Snapshot["mode"], id: string, artifact: ArtifactRecord): Snapshot {
  const flags = { failed: false, inconsistent: false, rolledBack: false };
  return { version: 1, id, mode, state: "download", phase: "main", transitions: 0, ...flags, artifact };
}

/** The snapshot's place as the entry table writes it: `@state` when at rest before it. */
export const placeOf = (snapshot: Snapshot): string =>
  snapshot.phase === "before" ? `@${snapshot.state}` : snapshot.state;

/** Where the command `entry` enters, or `undefined` when the pending update does not allow it. */
export function entryState(entry: EntryName, snapshot: Snapshot, entries: Entries = ENTRIES): Entered | undefined {
  const row: Readonly<Record<string, Entered>> = entries[entry];
  return row[placeOf(snapshot)];
}
