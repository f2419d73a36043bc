import { AgentError } from "../src/errors/agent-error.ts";
import type { BoardFileCopy, ImageBoard } from "./board/schema.ts";
import { firstBootEntries } from "./first-boot.ts";
import { pathFrom, sourceEntries } from "./source-files.ts";
import { ownEntry, type TreeEntry } from "./tree/entry.ts";
import { kindOf, type Owner, readTree, type SourceKind } from "./tree/read-tree.ts";

/** What the filesystems of an image are made from. */
export interface Contents {
  readonly board: ImageBoard;
  /** Folder, tar archive or filesystem image of the root filesystem. */
  readonly rootfs: string;
  readonly rootfsKind: SourceKind;
  readonly owner: Owner;
  /** Files that are added to the root filesystem. */
  readonly rootfsFiles: readonly BoardFileCopy[];
  /** Mount point of the data partition. */
  readonly dataMount: string;
  readonly bootstrap: Uint8Array | undefined;
  /** For everything without a time, in seconds since 1970. */
  readonly time: number;
  /** Later times of files become this one. */
  readonly latest: number | undefined;
  readonly fill: (text: string) => string;
}

/**
 * The root filesystem, with what the board file adds; undefined if it is an image, which is copied.
 *
 * @throws {AgentError} IMAGE_INPUT if something should be added to an image
 */
export function rootfsEntries(contents: Contents): AsyncIterable<TreeEntry> | undefined {
  const { board, rootfs, rootfsKind: kind, owner, rootfsFiles, dataMount, time, latest, fill } = contents;
  const added = [...(board.rootfs?.files ?? []), ...rootfsFiles];
  const first = [...firstBootEntries(board, dataMount, time)];
  if (kind !== "image") {
    return (async function* () {
      yield* readTree(rootfs, kind, { owner, latest });
      yield* first;
      yield* sourceEntries({ files: added, folder: board.folder, fill, time });
    })();
  }
  if (added.length + first.length === 0) return undefined;
  const reason = "rootfs and firstBoot of the board file add files to it: give a folder or a tar archive";
  throw new AgentError("IMAGE_INPUT", { path: rootfs, reason });
}

/** What a device expects on its data partition: the datastore, with its type and what it runs. */
export async function* dataEntries(contents: Contents, content: string | undefined): AsyncGenerator<TreeEntry> {
  const { board, bootstrap, time } = contents;
  const datastore = ownEntry("mender", "folder", time, { mode: 0o700 });
  yield datastore;
  const type = Buffer.from(`device_type=${board.deviceType}\n`);
  yield ownEntry("mender/device_type", "file", time, { bytes: type });
  if (bootstrap !== undefined)
    yield ownEntry("mender/bootstrap.mender", "file", time, { bytes: bootstrap, mode: 0o400 });
  yield* contentEntries(contents, content);
  // The content may have the folder with other permissions.
  yield datastore;
}

/** The folder or archive that the board file names as the content of a filesystem. */
export async function* contentEntries(
  { board, latest }: Contents,
  content: string | undefined,
): AsyncGenerator<TreeEntry> {
  if (content === undefined) return;
  const path = pathFrom(board.folder, content);
  const kind = await kindOf(path);
  if (kind !== "image") yield* readTree(path, kind, { owner: "auto", latest });
}
