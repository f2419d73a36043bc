import { stat } from "node:fs/promises";
import { posix } from "node:path";
import type { ImageChange, ImageFiles } from "../../../../image/files/image-files.ts";
import { follow, readImageFile } from "../../../../image/files/trees.ts";
import { workFiles } from "../../../agent/files.ts";
import type { CliIo } from "../../../agent/io.ts";
import { openArtifact } from "../../../artifact/reader.ts";
import { openArtifactFile } from "../../../artifact/sign-artifact.ts";
import { AgentError } from "../../../errors/agent-error.ts";
import type { WorkFile } from "../../../ports/files.ts";
import { isJsonObject } from "../../../util/json-object.ts";
import { type ChangeOptions, changeImage } from "./open-image.ts";

/** Changes to the files of an agent in an image. */
export interface AgentFiles {
  /** For `/etc/mender/artifact_info`. */
  readonly name?: string;
  readonly serverUri?: string;
  readonly tenantToken?: string;
  /** Paths on this machine. */
  readonly serverCert?: string;
  readonly verificationKey?: string;
}

/** Every file that `modify` changes is in its folder. */
const CONFIGURATION = "/etc/mender/mender.conf";
const MAX_CONFIGURATION_BYTES = 1024 * 1024;
const NEW_FILE = { mode: 0o644, uid: 0, gid: 0 } as const;
/** The superblock of ext2, ext3 and ext4 has these bytes here. */
const EXT_MAGIC = { at: 1080, bytes: Buffer.from([0x53, 0xef]) } as const;

/**
 * Changes files of an agent in an Artifact, a file system or both slots of a disk.
 *
 * @throws {AgentError} PAYLOAD_UNREADABLE, IMAGE_FILE_MISSING, CONFIG_SYNTAX, and the codes of `changeImage`
 */
export async function modifyImage(
  image: string,
  wanted: AgentFiles,
  options: ChangeOptions,
  io: CliIo,
  isRequired: boolean,
): Promise<void> {
  for (const path of [wanted.serverCert, wanted.verificationKey]) {
    if (path === undefined) continue;
    await stat(path).catch((cause: unknown) => {
      throw new AgentError("PAYLOAD_UNREADABLE", { path }, cause);
    });
  }
  const works: WorkFile[] = [];
  try {
    await changeImage({ image, path: CONFIGURATION }, options, io, async (files, path) => {
      const folder = posix.dirname(path);
      if ((await follow(files, folder, io.signal))?.entry.kind === "folder")
        return await changesIn(files, folder, wanted, works, io.signal);
      if (isRequired) throw new AgentError("IMAGE_FILE_MISSING", { image, path: folder });
      return [];
    });
  } finally {
    for (const work of works) await work.close();
  }
}

async function changesIn(
  files: ImageFiles,
  folder: string,
  { name, serverCert, verificationKey, ...settings }: AgentFiles,
  works: WorkFile[],
  signal: AbortSignal,
): Promise<readonly ImageChange[]> {
  const { openWorkFile } = await workFiles();
  const changes: ImageChange[] = [];
  const put = async (path: string, from: string): Promise<void> => {
    const found = await follow(files, path, signal);
    const { mode, uid, gid } = found?.entry ?? NEW_FILE;
    changes.push({ act: "write", path: found?.path ?? path, from, mode, uid, gid });
  };
  const putText = async (path: string, text: string): Promise<void> => {
    const work = await openWorkFile();
    works.push(work);
    await work.write(Buffer.from(text));
    await work.end();
    await put(path, work.path);
  };
  if (settings.serverUri !== undefined || settings.tenantToken !== undefined) {
    const path = posix.join(folder, posix.basename(CONFIGURATION));
    await putText(path, await newConfiguration(files, path, settings, signal));
  }
  if (serverCert !== undefined) await put(posix.join(folder, "server.crt"), serverCert);
  if (verificationKey !== undefined) await put(posix.join(folder, "artifact-verify-key.pem"), verificationKey);
  if (name !== undefined) await putText(posix.join(folder, "artifact_info"), `artifact_name=${name}`);
  return changes;
}

async function newConfiguration(
  files: ImageFiles,
  path: string,
  { serverUri, tenantToken }: Pick<AgentFiles, "serverUri" | "tenantToken">,
  signal: AbortSignal,
): Promise<string> {
  const bytes = await readImageFile(files, path, MAX_CONFIGURATION_BYTES, signal);
  if (bytes === undefined) throw new AgentError("IMAGE_FILE_MISSING", { path });
  const settings = {
    ...settingsIn(bytes.toString(), path),
    ...(serverUri === undefined ? {} : { ServerURL: serverUri }),
    ...(tenantToken === undefined ? {} : { TenantToken: tenantToken }),
  };
  return `${JSON.stringify(settings, null, 2)}\n`;
}

function settingsIn(text: string, path: string): Readonly<Record<string, unknown>> {
  let settings: unknown;
  try {
    settings = JSON.parse(text);
  } catch (cause) {
    throw new AgentError("META_DATA_INVALID", { path }, cause);
  }
  if (isJsonObject(settings)) return settings;
  throw new AgentError("META_DATA_INVALID", { path });
}

/** Whether the first payload of an Artifact is one file with an ext file system. */
export async function holdsExtImage(path: string, signal: AbortSignal): Promise<boolean> {
  const reader = await openArtifact(await openArtifactFile(path, signal));
  try {
    const { payloads } = reader.info;
    if (payloads.length !== 1 || payloads[0]?.files.length !== 1) return false;
    const file = await (await reader.nextPayload())?.next();
    const head = Buffer.alloc(EXT_MAGIC.at + EXT_MAGIC.bytes.length);
    if (file === undefined || file.sizeBytes < head.length) return false;
    for (let filled = 0; filled < head.length; ) filled += await file.read(head.subarray(filled));
    return head.subarray(EXT_MAGIC.at).equals(EXT_MAGIC.bytes);
  } finally {
    await reader.close();
  }
}
