import { isDeepStrictEqual } from "node:util";
import type { PayloadPosition } from "../../artifact/payload-position.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { ArtifactRecord } from "../deployment/snapshot.ts";
import type { Admission } from "./admit.ts";
import { type Download, openDownload } from "./download.ts";
import type { DownloadParts } from "./download-parts.ts";
import type { DownloadRecord } from "./download-record.ts";
import type { OpenedArtifact } from "./open-artifact.ts";

export interface DownloadedParts extends DownloadParts {
  readonly open: Admission["open"];
  /** Remembers how far the payloads are stored, in order. Resolves when durable. */
  keep(download: DownloadRecord): Promise<void>;
}

/** An Artifact that is being downloaded, so that a restarted agent can go on with it. */
export interface DownloadedArtifact extends OpenedArtifact {
  /** For the snapshot, from the beginning on; `undefined` for a source that does not tell its length. */
  readonly download: DownloadRecord | undefined;
}

/** @throws {AgentError} the codes of `openDownload` and `Admission.open` */
export function openDownloaded(uri: string, parts: DownloadedParts, signal: AbortSignal): Promise<DownloadedArtifact> {
  return openAnew({ uri, resumes: 0 }, parts, signal);
}

/**
 * Opens the Artifact whose download was cut off together with the agent, at the checkpoint of `record`. Its head is
 * fetched and verified again, and so is the whole by its checksums. Begins anew where there is no checkpoint, or the
 * source is not the same any more; blocks that the slot holds already are then not written again.
 *
 * @param record counts this time among its `resumes`
 * @param artifact as it was recorded when its header had been read; without payload types when it had not
 * @throws {AgentError} DOWNLOAD_CHANGED when it is another Artifact now, and the codes of
 * `openDownloaded`
 */
export async function reopenDownloaded(
  record: DownloadRecord,
  artifact: ArtifactRecord,
  parts: DownloadedParts,
  signal: AbortSignal,
): Promise<DownloadedArtifact> {
  const opened = (await resumeDownload(record, parts, signal)) ?? (await openAnew(record, parts, signal));
  if (artifact.payloadTypes.length === 0 || isDeepStrictEqual(opened.record, artifact)) return opened;
  await opened.close();
  throw new AgentError("DOWNLOAD_CHANGED", { reason: "another Artifact", name: opened.record.name });
}

async function resumeDownload(
  record: DownloadRecord,
  parts: DownloadedParts,
  signal: AbortSignal,
): Promise<DownloadedArtifact | undefined> {
  const { log } = parts;
  const { checkpoint } = record;
  if (checkpoint === undefined) {
    log("warning", "The download starts over: no checkpoint is stored.");
    return undefined;
  }
  const download = await openDownload({ ...record, headBytes: checkpoint.headBytes }, parts, signal);
  try {
    const opened = await openKept(record.uri, download, parts, checkpoint);
    log("info", `Resuming the download: ${checkpoint.storedBytes} of ${checkpoint.fileBytes} bytes are stored.`);
    return opened;
  } catch (error) {
    if (!(error instanceof AgentError) || !isOfTheSource(error)) throw error;
    log("warning", `The download starts over: the source has changed (${error.code}).`);
    return undefined;
  }
}

/** What a head that is not the same any more leads to. */
const isOfTheSource = ({ code }: AgentError): boolean => code === "DOWNLOAD_CHANGED" || code.startsWith("ARTIFACT_");

async function openAnew(
  from: { readonly uri: string; readonly resumes: number },
  parts: DownloadedParts,
  signal: AbortSignal,
): Promise<DownloadedArtifact> {
  const { uri, resumes } = from;
  return await openKept(uri, await openDownload({ uri, resumes }, parts, signal), parts);
}

/** Opens what comes in, and keeps account of it. The result owns `download`. */
async function openKept(
  uri: string,
  download: Download,
  parts: DownloadedParts,
  position?: PayloadPosition,
): Promise<DownloadedArtifact> {
  const { facts } = download;
  const recordAt = (checkpoint?: PayloadPosition): DownloadRecord | undefined =>
    facts && { uri, ...facts, resumes: download.resumes, ...(checkpoint && { checkpoint }) };
  const opened = await parts.open(download, {
    async keep(at) {
      const record = recordAt(at);
      if (record !== undefined) await parts.keep(record);
    },
    ...(position && { resume: { position, jump: (toByte) => download.jump(toByte) } }),
  });
  return { ...opened, download: recordAt(position) };
}
