import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { ImageFiles } from "../files/image-files.ts";
import { insertion, removal } from "../files/trees.ts";

const FOLDER_MODE = 0o755;
/** Becomes a link to the data partition. */
const DATASTORE = "/var/lib/mender";

/** Puts everything in a folder into a root filesystem, where it belongs to root. Existing folders keep their content. */
export async function putTree(files: ImageFiles, folder: string, signal: AbortSignal): Promise<void> {
  const found = await files.look(DATASTORE, signal);
  if (found?.kind === "folder") await files.change(await removal(files, DATASTORE, signal), signal);
  for (const name of await readdir(folder)) {
    const changes = await insertion(join(folder, name), `/${name}`);
    // The umask of this machine's user must not decide about folders of the device.
    const open = changes.map((change) => (change.act === "folder" ? { ...change, mode: FOLDER_MODE } : change));
    await files.change(open, signal);
  }
}
