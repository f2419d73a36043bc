import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import type { FastifyRequest } from "fastify";
import { fromIterable } from "../../../../src/util/byte-source.ts";
import { readFacts } from "../../../adapters/artifacts/read-facts.ts";
import { addArtifact, findConflicts } from "../../../adapters/postgres/artifacts.ts";
import { beginUpload, endUpload } from "../../../adapters/postgres/uploads.ts";
import type { ArtifactFacts, ArtifactHead } from "../../../domain/releases/artifact-facts.ts";
import { ServerError } from "../../../errors/server-error.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import { artifactKey } from "../../links.ts";
import type { Services } from "../../services.ts";

/** Bytes that wait for the disk, at most. */
const BEHIND_BYTES = 512 * 1024;
/** An upload that takes longer is taken for one that a crash has ended. */
const UPLOAD_S = 48 * 3600;

export interface NewArtifact {
  readonly content: AsyncIterable<Uint8Array>;
  readonly description: string;
  /** Hears how many bytes came, before anything is kept. Throws to refuse them. */
  readonly onEnd?: (sizeBytes: number) => Promise<void>;
}

/**
 * Stores an artifact while it is read and checked: its bytes pass through memory once. If anything fails, nothing is
 * left; if the process dies, the row of the upload remains, by which the object is removed later.
 *
 * @returns the id of the artifact
 * @throws {ServerError} ARTIFACT_INVALID, CONFLICT, NOT_POSSIBLE; what `content` and `onEnd` throw
 */
export async function storeArtifact(
  { postgres, objects, log }: Services,
  request: FastifyRequest,
  { content, description, onEnd = async () => {} }: NewArtifact,
): Promise<string> {
  const { tenant } = callingPerson(request);
  const id = randomUUID();
  const key = artifactKey(tenant, id);
  const expiresAt = new Date(Date.now() + UPLOAD_S * 1000);
  await look(postgres, request, (session) => beginUpload(session, tenant, { id, key, kind: "stream", expiresAt }));
  const refuseConflict = async (head: ArtifactHead): Promise<void> => {
    await look(postgres, request, (session) => findConflicts(session, tenant, head));
  };
  try {
    const { facts, sizeBytes, sha256 } = await copyAndRead(content, refuseConflict, (copy) => objects.put(key, copy));
    await onEnd(sizeBytes);
    return await act(postgres, request, async (session) => {
      await addArtifact(session, tenant, { id, key, sizeBytes, sha256, description, facts });
      if (!(await endUpload(session, tenant, id)))
        throw new ServerError("NOT_POSSIBLE", { reason: "it took too long" });
      const object = { type: "artifact", id, name: facts.name };
      const after = { name: facts.name, description, size: sizeBytes, sha256 };
      return { result: id, acts: [{ action: "create", object, change: `${sizeBytes} bytes`, after }] };
    });
  } catch (error) {
    // After a lost connection to the database, nobody knows whether the artifact was added.
    if (!(error instanceof ServerError && error.code === "DATABASE_AWAY"))
      await forget().catch((cause: unknown) => log.warn({ err: cause, key }, "An upload is removed later."));
    throw error;
  }

  async function forget(): Promise<void> {
    await objects.delete(key);
    await postgres.inTenant(tenant, (session) => endUpload(session, tenant, id));
  }
}

interface Copied {
  readonly facts: ArtifactFacts;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Gives each chunk to the reader and to the store, at the pace of the slower one. */
async function copyAndRead(
  content: AsyncIterable<Uint8Array>,
  onHead: (head: ArtifactHead) => Promise<void>,
  store: (copy: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<Copied> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const copy = new PassThrough({ highWaterMark: BEHIND_BYTES });
  copy.on("error", () => {
    // ignored: the store reads the copy and gets the error.
  });
  const stored = store(copy);
  const failed = stored.then(() => new Promise<never>(() => {}));
  failed.catch(() => {
    // ignored: whoever waits for the store gets the error.
  });
  async function* passing(): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      if (!copy.write(chunk)) await Promise.race([once(copy, "drain"), failed]);
      yield chunk;
    }
  }
  try {
    const facts = await readFacts(fromIterable(passing()), onHead);
    copy.end();
    await stored;
    return { facts, sizeBytes, sha256: hash.digest("hex") };
  } catch (error) {
    copy.destroy(error instanceof Error ? error : new Error("the upload failed"));
    await stored.catch(() => {
      // ignored: the first error says what went wrong.
    });
    throw error;
  }
}
