import type { Facts } from "../facts.ts";
import type { ImageFinding } from "../report.ts";
import { DATASTORE } from "../systems.ts";
import { good, sizeText, warning, wrong } from "./say.ts";

/** Types of file systems whose writes survive a power cut. */
const JOURNALS: readonly string[] = ["ext3", "ext4", "f2fs", "xfs", "ubifs"];
/** Sources in fstab that are no partition of this disk, or none at all. */
const ELSEWHERE = /^(?:\/dev\/(?!(?:mmcblk|nvme|[shv]d|xvd|disk\/by-))|(?!\/dev\/|UUID=|LABEL=|PARTUUID=|PARTLABEL=))/;

/** Whether the agent's data is on a partition that an update does not replace, and fstab names real partitions. */
export function assessData({ system, partitions, deviceType }: Facts): readonly ImageFinding[] {
  if (system === undefined) return [];
  const findings: ImageFinding[] = [];
  for (const { source, folder, partition } of system.fstab) {
    if (partition !== undefined || ELSEWHERE.test(source)) continue;
    const found = `${source} is mounted on ${folder}, and is no partition of the image`;
    findings.push(wrong("/etc/fstab", found, "Correct the line, or the device waits for it at every start."));
  }
  const ofRoot = system.fstab.find(({ folder, partition }) => folder === "/" && partition !== undefined);
  if (ofRoot !== undefined) {
    const found = `${ofRoot.source} is mounted on /, which is right for one slot only`;
    findings.push(wrong("/etc/fstab", found, "Remove the line: the boot loader chooses the device of / with root=."));
  }
  const subject = "data partition";
  const data = partitions.find(({ number }) => number === system.data);
  if (data === undefined) {
    const found = `${DATASTORE} is ${system.datastore === undefined ? "missing" : "on the root filesystem, which an update replaces"}`;
    const advice = `Mount a data partition in /etc/fstab, and make ${DATASTORE} a link to a folder on it.`;
    return [...findings, wrong(subject, found, advice)];
  }
  const { type = "none" } = data.fileSystem ?? {};
  const what = `partition ${data.number}, ${type}, ${sizeText(data.size)}, with ${system.datastore}`;
  findings.push(
    JOURNALS.includes(type)
      ? good(subject, what)
      : warning(subject, what, "Use a file system with a journal, such as ext4: a power cut can damage this one."),
  );
  if (system.guessed === data) {
    const advice = "Add a line to /etc/fstab, unless a script of the system mounts it.";
    findings.push(warning("/etc/fstab", `nothing in it mounts partition ${data.number} on /data`, advice));
  }
  const file = system.configuration.text("DeviceTypeFile") ?? `${DATASTORE}/device_type`;
  if (deviceType !== undefined) return [...findings, good("device type", deviceType)];
  return [...findings, wrong("device type", `${file} is missing`, `Write one line into it: device_type=TYPE`)];
}
