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

/** An Artifact whose header is known to be right, before a byte of its payload. */
export interface OpenedArtifact {
  readonly info: ArtifactInfo;
  readonly record: ArtifactRecord;
  readonly payloads: OpenedPayloads;
  /** Also discards the scripts, unless they have been admitted. */
  close(): Promise<void>;
}

export interface OpenOptions {
  /** One of them must have signed the Artifact; none: signatures are not looked at. */
  readonly verifyKeys: readonly VerificationKey[];
  /** Refuses what the reference clients refuse: more than one payload. */
  readonly strictCompat?: boolean;
  /** Where the state scripts wait until the Artifact is admitted, and large meta-data. Absent: scripts are passed over. */
  readonly scriptStage?: Pick<ScriptStage, "store" | "storeMetaData" | "discard">;
}

/** For an Artifact whose download may be cut off together with the agent. */
export interface KeepOptions extends OpenOptions {
  /** Remembers how far the payload is stored. */
  keep?(position: PayloadPosition): Promise<void>;
  /** Where an earlier run was. @see ArtifactReader.resumePayload */
  readonly resume?: PayloadResume;
}

/**
 * Reads and verifies everything before the payload, and refuses by name what this agent cannot install.
 * Changes nothing on the device: state scripts are stored where nothing runs them, until they are admitted.
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

/** There is one inactive slot, and a second image would overwrite the first. */
const ONCE = "rootfs-image";

function checkCount(payloads: readonly PayloadInfo[], strictCompat: boolean): void {
  const isRefused = payloads.length === 0 || (strictCompat && payloads.length > 1);
  if (isRefused) throw new AgentError("PAYLOAD_COUNT", { payloads: payloads.length });
  const images = payloads.filter(({ type }) => type === ONCE).length;
  if (images > 1) throw new AgentError("PAYLOAD_COUNT", { payloads: payloads.length, [ONCE]: images });
}

function recordArtifact({ name, group, payloads }: ArtifactInfo): ArtifactRecord {
  const clears = payloads.map(({ clearsProvides }) => clearsProvides);
  // A payload that says nothing of it clears all that the device had, whatever the others say.
  const clearsProvides = clears.every((globs) => globs !== undefined) ? clears.flat() : undefined;
  return {
    name,
    ...(group !== undefined && { group }),
    // Not assigned one after the other: a key `__proto__` would be lost.
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

/** Adds a property that is made when it is asked for, and once: what is parsed takes many times what is written. */
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
