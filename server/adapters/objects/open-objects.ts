import type { Storage } from "../../config/storage.ts";
import type { Objects } from "../../ports/objects.ts";
import { createFileObjects } from "./files/file-objects.ts";

/** Opens the store of a configuration, and looks whether it is there. @throws {ServerError} STORAGE_AWAY, STORAGE_REFUSED */
export async function openObjects(storage: Storage): Promise<Objects> {
  const objects = await open(storage);
  try {
    await objects.check();
    return objects;
  } catch (error) {
    await objects.close();
    throw error;
  }
}

async function open(storage: Storage): Promise<Objects> {
  if (storage.kind === "folder") return createFileObjects(storage.folder);
  // Half a megabyte that most servers do not need.
  return (await import("./s3/s3-objects.ts")).createS3Objects(storage);
}
