import { rename, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import { temporaryFor } from "../../src/util/replace-file.ts";
import { DiskImage } from "../disk-image.ts";
import { writeExt4 } from "../ext4/write-ext4.ts";
import { uuidFrom } from "../identifiers.ts";
import { IMAGE_TIME } from "../run.ts";
import { ownEntry, type TreeEntry } from "../tree/entry.ts";
import { kindOf, readTree } from "../tree/read-tree.ts";
import { up } from "./numbers.ts";
import { valueIn } from "./read-variables.ts";
import type { Settings } from "./settings.ts";

export interface DataInputs {
  /** Folder or archive with the content of the data partition. */
  readonly data?: string | undefined;
  readonly output: string;
  readonly bootstrap?: Uint8Array | undefined;
  /** Seconds since 1970; no file is younger. */
  readonly time?: number | undefined;
}

/**
 * Makes the filesystem of the data partition.
 *
 * @throws {AgentError} IMAGE_INPUT, IMAGE_SPACE, YOCTO_VARIABLE if the content does not fit, OUTPUT_FAILED
 */
export async function makeDataImage(settings: Settings, inputs: DataInputs): Promise<number> {
  const { variables, dataBytes, alignment } = settings;
  const { output, time = IMAGE_TIME } = inputs;
  const sizeBytes = up(dataBytes, alignment);
  const work = temporaryFor(resolve(output));
  try {
    const image = await DiskImage.create(work, sizeBytes);
    try {
      await writeExt4(image, 0, entries(settings, inputs, time), {
        ...{ sizeBytes, time, place: "data" },
        label: valueIn(variables, "MENDER_DATA_PART_LABEL") ?? "",
        uuid: uuidFrom(valueIn(variables, "MACHINE") ?? "", "data"),
      });
      await image.flush();
    } finally {
      await image.close();
    }
    await rename(work, output);
    return sizeBytes;
  } catch (cause) {
    if (cause instanceof AgentError && cause.code === "IMAGE_SPACE") {
      const value = valueIn(variables, "MENDER_DATA_PART_SIZE_MB") ?? "";
      throw new AgentError("YOCTO_VARIABLE", { variable: "MENDER_DATA_PART_SIZE_MB", value }, cause);
    }
    throw cause instanceof AgentError ? cause : new AgentError("OUTPUT_FAILED", { path: output }, cause);
  } finally {
    await rm(work, { force: true });
  }
}

async function* entries(
  { deviceType }: Settings,
  { data, bootstrap, time: latest }: DataInputs,
  time: number,
): AsyncGenerator<TreeEntry> {
  const datastore = ownEntry("mender", "folder", time, { mode: 0o700 });
  yield datastore;
  yield ownEntry("mender/device_type", "file", time, { bytes: Buffer.from(`device_type=${deviceType}\n`) });
  if (bootstrap !== undefined)
    yield ownEntry("mender/bootstrap.mender", "file", time, { bytes: bootstrap, mode: 0o400 });
  if (data !== undefined) {
    const kind = await kindOf(data);
    if (kind === "image") throw new AgentError("IMAGE_INPUT", { path: data, reason: "not a folder or a tar archive" });
    yield* readTree(data, kind, { owner: "auto", latest });
  }
  // The content may have the folder with other permissions.
  yield datastore;
}
