import type { Facts } from "./facts.ts";
import { assessAgent } from "./findings/agent.ts";
import { assessBoot } from "./findings/boot.ts";
import { assessConfiguration } from "./findings/configuration.ts";
import { assessData } from "./findings/data.ts";
import { assessDisk } from "./findings/disk.ts";
import { assessSecrets } from "./findings/secrets.ts";
import { assessSlots } from "./findings/slots.ts";
import type { ImageFinding } from "./report.ts";

/** What the doctor would say on a device with this image, as far as an image shows it. */
export async function assessImage(facts: Facts): Promise<readonly ImageFinding[]> {
  const { system } = facts;
  // A single file system is the payload of an Artifact: it has no slots, no boot loader and no data.
  const ofDisk = facts.kind === "disk" ? [...assessSlots(facts), ...assessBoot(facts), ...assessData(facts)] : [];
  const ofSystem =
    system === undefined
      ? []
      : [...assessAgent(facts), ...(await assessConfiguration(system, facts)), ...(await assessSecrets(system))];
  return [...assessDisk(facts), ...ofDisk, ...ofSystem];
}
