import type { Facts } from "../facts.ts";
import type { ImageFinding } from "../report.ts";
import { good, warning, wrong } from "./say.ts";

/** Partition table and file systems. */
export function assessDisk({ kind, table, partitions, systems, unreadable }: Facts): readonly ImageFinding[] {
  const findings: ImageFinding[] = [];
  if (kind === "disk") {
    const { primary = "valid", backup = "valid" } = table?.copies ?? {};
    const subject = "partition table";
    if (primary === "damaged") {
      const advice = "Write it again: sfdisk --dump IMAGE > table, then sfdisk IMAGE < table.";
      findings.push(wrong(subject, "the primary GPT is damaged, and only its backup is valid", advice));
    } else if (backup !== "valid") {
      const advice =
        "Make the image as large as its table says, and move the backup to its end: sgdisk --move-second-header.";
      findings.push(warning(subject, `the backup of the GPT is ${backup}`, advice));
    } else {
      findings.push(good(subject, `${table?.label}, ${partitions.length} partitions`));
    }
  }
  for (const { number, fileSystem } of partitions) {
    const subject = kind === "disk" ? `file system of partition ${number}` : "file system";
    const reason = unreadable.get(number);
    if (reason !== undefined) {
      findings.push(wrong(subject, `cannot be read: ${reason}`, "Check it with e2fsck, and make the image again."));
    } else if (fileSystem?.clean === false) {
      const advice =
        "Check it with e2fsck, which also replays its journal. An image must not be copied from a mounted disk.";
      findings.push(warning(subject, "was not unmounted, or has errors", advice));
    }
  }
  if (systems.length === 0) {
    const advice = "Only systems in ext2, ext3, ext4, FAT and squashfs can be looked at.";
    findings.push(wrong("root filesystem", "none that can be read", advice));
  }
  return findings;
}
