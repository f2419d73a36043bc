import type { ArtifactInfo, PayloadInfo } from "../../artifact/model.ts";
import { type ArtifactReader, openArtifact } from "../../artifact/reader.ts";
import type { VerificationKey } from "../../artifact/signature.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { PayloadStream } from "../../ports/payload-handler.ts";
import type { ByteSource } from "../../util/byte-source.ts";
import type { OpenedPayload } from "../deployment/effects.ts";
import type { ArtifactRecord } from "../deployment/snapshot.ts";

/** An Artifact whose header is known to be right, before a byte of its payload. */
export interface OpenedArtifact {
  readonly info: ArtifactInfo;
  readonly record: ArtifactRecord;
  openPayload(): Promise<OpenedPayload>;
  close(): Promise<void>;
}

/**
 * Reads and verifies everything before the payload, and refuses by name what this agent cannot install.
 * Changes nothing on the device.
 *
 * @param verifyKeys one of them must have signed the Artifact; empty: signatures are not looked at
 * @throws {AgentError} PAYLOAD_COUNT, SCRIPTS_UNSUPPORTED, and the codes of a damaged Artifact
 */
export async function openForInstall(
  source: ByteSource,
  verifyKeys: readonly VerificationKey[],
): Promise<OpenedArtifact> {
  const reader = await openArtifact(source, { verifyKeys });
  try {
    const { info } = reader;
    const payload = onlyPayload(info);
    if (info.scripts.length > 0) throw new AgentError("SCRIPTS_UNSUPPORTED", { scripts: info.scripts.length });
    return {
      info,
      record: recordArtifact(info, payload),
      openPayload: () => openPayload(reader),
      close: () => reader.close(),
    };
  } catch (error) {
    await reader.close();
    throw error;
  }
}

function onlyPayload(info: ArtifactInfo): PayloadInfo {
  const [payload, ...others] = info.payloads;
  if (payload === undefined || others.length > 0)
    throw new AgentError("PAYLOAD_COUNT", { payloads: info.payloads.length });
  return payload;
}

function recordArtifact(info: ArtifactInfo, payload: PayloadInfo): ArtifactRecord {
  return {
    name: info.name,
    ...(info.group !== undefined && { group: info.group }),
    provides: payload.provides,
    ...(payload.clearsProvides !== undefined && { clearsProvides: [...payload.clearsProvides] }),
    payloadTypes: [payload.type],
  };
}

const NO_FILES: PayloadStream = { next: async () => undefined };

async function openPayload(reader: ArtifactReader): Promise<OpenedPayload> {
  const stream = await reader.nextPayload();
  return { stream: stream ?? NO_FILES, finish: () => reader.finish() };
}
