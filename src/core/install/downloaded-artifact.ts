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
  /** Records how far the payloads are stored, in order. Resolves when durable. */
  keep(download: DownloadRecord): Promise<void>;
}

/** An Artifact in download, with what a restarted agent needs to resume it. */
export interface DownloadedArtifact extends OpenedArtifact {
  /** For the snapshot, available from the start; `undefined` if the source did not send its length. */
  readonly download: DownloadRecord | undefined;
}

/** @throws {AgentError} the codes of `openDownload` and `Admission.open` */
export function openDownloaded(uri: string, parts: DownloadedParts, signal: AbortSignal): Promise<DownloadedArtifact> {
  return openAnew({ uri, resumes: 0 }, parts, signal);
}

/**
 * Resumes the download of an Artifact at the checkpoint of `record`, after an interruption of the agent. Fetches and
 * verifies the head again; the checksums still cover the whole Artifact. Starts over if there is no checkpoint or the
 * source has changed; blocks that the slot already holds are then not written again.
 *
 * @param record its `resumes` includes this one
 * @param artifact as recorded after its header was read; without payload types if the header was not read
 * @throws {AgentError} DOWNLOAD_CHANGED if the source now holds another Artifact, and the codes of `openDownloaded`
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

/** Errors that a changed head causes. */
const isOfTheSource = ({ code }: AgentError): boolean => code === "DOWNLOAD_CHANGED" || code.startsWith("ARTIFACT_");

async function openAnew(
  from: { readonly uri: string; readonly resumes: number },
  parts: DownloadedParts,
  signal: AbortSignal,
): Promise<DownloadedArtifact> {
  const { uri, resumes } = from;
  return await openKept(uri, await openDownload({ uri, resumes }, parts, signal), parts);
}

/** Opens the downloaded Artifact and records its progress. The result owns `download`. */
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
