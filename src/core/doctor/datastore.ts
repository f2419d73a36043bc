import type { FolderFacts } from "../../ports/board-facts.ts";
import type { Finding } from "../../ports/finding.ts";
import { sizeText } from "./words.ts";

const MIB = 1024 ** 2;
/** Room for new versions of the store and a deployment log, beside the old ones. */
const NEEDED_BYTES = MIB;
/** Update modules keep payloads there as well. */
const USUAL_BYTES = 16 * MIB;
const NEEDED_FILES = 16;

/** File systems in memory. */
const NOT_KEPT: ReadonlySet<string> = new Set(["tmpfs", "ramfs", "devtmpfs"]);

export const DATA_PARTITION = "data partition";

/** Whether the agent's data survives a power cut and an update of the root file system. */
export function assessDatastore(facts: FolderFacts): readonly Finding[] {
  const { folder, exists, leadsTo, isWritable, mount, isInLayer } = facts;
  const subject = DATA_PARTITION;
  const advice = `Mount the data partition before the agent starts (/etc/fstab), and keep ${folder} on it.`;
  if (leadsTo !== undefined) {
    const found = `not mounted: ${folder} leads to ${leadsTo}, which does not exist`;
    const advice = "Mount the data partition before the agent starts (/etc/fstab).";
    return [{ level: "bad", subject, found, advice }];
  }
  if (!exists) return [{ level: "bad", subject, found: `${folder} does not exist`, advice }];
  if (mount === undefined) {
    const place =
      isInLayer === true
        ? "in the upper layer of the overlay on /, which may be in memory"
        : "on the root filesystem, which an update replaces";
    return [{ level: "bad", subject, found: `not mounted: ${folder} is ${place}`, advice }];
  }
  const where = `${mount.source} (${mount.type}) on ${mount.folder}`;
  if (NOT_KEPT.has(mount.type)) {
    return [
      { level: "bad", subject, found: `${folder} is on ${where}, which loses its content without power`, advice },
    ];
  }
  return [{ level: "good", subject, found: where }, ...assessNoexec(facts), writable(folder, isWritable), room(facts)];
}

/** The agent cannot start programs in a noexec folder, such as an Artifact's scripts in the datastore. */
export function assessNoexec({ startsNothing }: FolderFacts): readonly Finding[] {
  if (startsNothing === undefined) return [];
  const found = "it is mounted noexec, so no state script, update module or payload in it can start";
  const advice = `Mount it without noexec (/etc/fstab): mount -o remount,exec ${startsNothing}`;
  return [{ level: "bad", subject: startsNothing, found, advice }];
}

function writable(folder: string, isWritable: boolean): Finding {
  const subject = "datastore";
  if (isWritable) return { level: "good", subject, found: `${folder} can be written` };
  const advice = "Run as root; if the filesystem is mounted read-only, check it (fsck) and mount it read-write.";
  return { level: "bad", subject, found: `${folder} cannot be written`, advice };
}

function room({ folder, freeBytes, freeFiles }: FolderFacts): Finding {
  const subject = "free space";
  const found = `${sizeText(freeBytes)} in ${folder}`;
  const advice = "Remove files that are not needed from the data partition, or enlarge it.";
  if (freeFiles !== undefined && freeFiles < NEEDED_FILES) {
    return { level: "bad", subject, found: `${found}, but only for ${freeFiles} more files`, advice };
  }
  if (freeBytes < NEEDED_BYTES) return { level: "bad", subject, found, advice };
  return freeBytes < USUAL_BYTES ? { level: "note", subject, found, advice } : { level: "good", subject, found };
}
