import type { Facts } from "../facts.ts";
import type { ImageFinding, ReportedPartition } from "../report.ts";
import { good, sizeText, wrong } from "./say.ts";

const CONVERT = "Give the disk two partitions of equal size, such as 'switchback image convert' does.";

/** Whether there are two slots of equal size, and mender.conf names them. */
export function assessSlots({ slots, system, systems }: Facts): readonly ImageFinding[] {
  const { A, B, named } = slots;
  const subject = "two slots";
  if (named !== undefined) {
    const missing = (["A", "B"] as const).find((slot) => (slot === "A" ? A : B) === undefined);
    if (missing !== undefined) {
      const found = `mender.conf names ${named[missing]} as slot ${missing}, and no partition of the image fits`;
      return [wrong(subject, found, "Correct RootfsPartA and RootfsPartB in mender.conf, or the partitions.")];
    }
  }
  if (A === undefined || B === undefined)
    return [wrong(subject, "no two Linux partitions have the same size", CONVERT)];
  if (A.number === B.number) {
    const advice = "Name two different partitions, or an update would overwrite the running system.";
    return [wrong(subject, "mender.conf names the same partition twice", advice)];
  }
  const findings = [sizes(subject, A, B)];
  if (named === undefined && system !== undefined) {
    const advice = `Set RootfsPartA and RootfsPartB to the partitions ${A.number} and ${B.number}.`;
    findings.push(wrong("slots in mender.conf", "RootfsPartA or RootfsPartB is missing", advice));
  }
  if (!systems.some(({ partition }) => partition === A.number || partition === B.number) && systems.length > 0) {
    const found = `partition ${systems[0]?.partition} holds the system, and is neither slot`;
    findings.push(wrong("system in a slot", found, "Put the root filesystem into slot A."));
  }
  return findings;
}

function sizes(subject: string, a: ReportedPartition, b: ReportedPartition): ImageFinding {
  const found = `partitions ${a.number} and ${b.number}`;
  if (a.size === b.size) return good(subject, `${found}, ${sizeText(a.size)} each`);
  const different = `${found} have different sizes: ${sizeText(a.size)} and ${sizeText(b.size)}`;
  return wrong(
    subject,
    different,
    "Give both the same size, or an image of the larger slot does not fit into the other.",
  );
}
