import { textOf } from "../../artifact/meta-data.ts";
import type { ArtifactInfo, PayloadInfo } from "../../artifact/model.ts";
import type { PayloadPosition } from "../../artifact/payload-position.ts";
import { type ArtifactReader, openArtifact, type PayloadResume } from "../../artifact/reader.ts";
import type { VerificationKey } from "../../artifact/signature.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { PayloadContext } from "../../ports/payload-handler.ts";
import type { ByteSource } from "../../util/byte-source.ts";
import type { OpenedPayloads } from "../deployment/effects.ts";
import type { ArtifactRecord } from "../deployment/snapshot.ts";
import type { ScriptStage } from "../scripts/extract.ts";

/** An Artifact with a verified header, before the first byte of its payload. */
export interface OpenedArtifact {
  readonly info: ArtifactInfo;
  readonly record: ArtifactRecord;
  readonly payloads: OpenedPayloads;
  /** Also discards the scripts, unless they were admitted. */
  close(): Promise<void>;
}

export interface OpenOptions {
  /** The Artifact must be signed by one of these keys; empty: signatures are not checked. */
  readonly verifyKeys: readonly VerificationKey[];
  /** Refuses what the reference clients refuse: more than one payload. */
  readonly strictCompat?: boolean;
  /** Stores state scripts until the Artifact is admitted, and large meta-data. Absent: scripts are skipped. */
  readonly scriptStage?: Pick<ScriptStage, "store" | "storeMetaData" | "discard">;
}

/** Options for an Artifact whose download may be interrupted together with the agent. */
export interface KeepOptions extends OpenOptions {
  /** Records how far the payload is stored. */
  keep?(position: PayloadPosition): Promise<void>;
  /** The position of an earlier run. @see ArtifactReader.resumePayload */
  readonly resume?: PayloadResume;
}

/**
 * Reads and verifies everything before the payload, and refuses by name what this agent cannot install. Changes nothing
 * on the device: it stores state scripts where they cannot run until they are admitted.
 *
 * @throws {AgentError} PAYLOAD_COUNT, and the codes of a damaged Artifact
 */
export async function openForInstall(source: ByteSource, options: KeepOptions): Promise<OpenedArtifact> {
  const { verifyKeys, keep, scriptStage } = options;
  let reader: ArtifactReader | undefined;
  const close = async (): Promise<void> => {
    await reader?.close();
    await scriptStage?.discard();
  };
  try {
    const takers = { storeScript: scriptStage?.store, storeMetaData: scriptStage?.storeMetaData };
    reader = await openArtifact(source, { verifyKeys, ...takers, ...(keep && { keep }) });
    const { info } = reader;
    checkCount(info.payloads, options.strictCompat === true);
    return {
      info,
      record: recordArtifact(info),
      payloads: payloadsOf(reader, options.resume),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** There is only one inactive slot: a second image would overwrite the first. */
const ONCE = "rootfs-image";

function checkCount(payloads: readonly PayloadInfo[], strictCompat: boolean): void {
  const isRefused = payloads.length === 0 || (strictCompat && payloads.length > 1);
  if (isRefused) throw new AgentError("PAYLOAD_COUNT", { payloads: payloads.length });
  const images = payloads.filter(({ type }) => type === ONCE).length;
  if (images > 1) throw new AgentError("PAYLOAD_COUNT", { payloads: payloads.length, [ONCE]: images });
}

function recordArtifact({ name, group, payloads }: ArtifactInfo): ArtifactRecord {
  const clears = payloads.map(({ clearsProvides }) => clearsProvides);
  // A payload without this field clears everything that the device provided, regardless of the other payloads.
  const clearsProvides = clears.every((globs) => globs !== undefined) ? clears.flat() : undefined;
  return {
    name,
    ...(group !== undefined && { group }),
    // Assigning each property would lose a key `__proto__`.
    provides: Object.fromEntries(payloads.flatMap(({ provides }) => Object.entries(provides))),
    ...(clearsProvides !== undefined && { clearsProvides }),
    payloadTypes: payloads.map(({ type }) => type),
  };
}

function payloadsOf(reader: ArtifactReader, resume?: PayloadResume): OpenedPayloads {
  let resumed = resume;
  return {
    async next() {
      const stream = await reader.nextPayload(resumed);
      resumed = undefined;
      return stream && { stream, context: contextOf(reader.info, stream.index) };
    },
    finish: () => reader.finish(),
  };
}

function contextOf(info: ArtifactInfo, index: number): PayloadContext {
  const payload = info.payloads[index];
  const { typeInfo = "null", metaData } = payload ?? {};
  const { headerInfo } = info;
  const texts = { headerInfo, typeInfo };
  const context = {
    artifactName: info.name,
    ...(info.group !== undefined && { artifactGroup: info.group }),
    payloadType: payload?.type ?? "",
    texts,
    ...(metaData !== undefined && { metaDataSource: metaData }),
  };
  if (metaData !== undefined) {
    lazily(texts, "metaData", () => textOf(metaData));
    lazily(context, "metaData", () => JSON.parse(textOf(metaData)));
  }
  return lazily(
    lazily(context, "headerInfo", () => JSON.parse(headerInfo)),
    "typeInfo",
    () => JSON.parse(typeInfo),
  );
}

/** Adds a property that is computed once, on first access: the parsed form takes many times the memory of the text. */
function lazily<Of extends object, Key extends string, Value>(
  of: Of,
  key: Key,
  make: () => Value,
): Of & Record<Key, Value> {
  const get = (): Value => {
    const value = make();
    Object.defineProperty(of, key, { value, enumerable: true });
    return value;
  };
  return Object.defineProperty(of, key, { get, enumerable: true, configurable: true }) as Of & Record<Key, Value>;
}
