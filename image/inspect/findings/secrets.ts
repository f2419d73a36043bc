import type { SystemFacts } from "../facts.ts";
import type { ImageFinding } from "../report.ts";
import { DATASTORE } from "../systems.ts";
import { warning, wrong } from "./say.ts";

const DEVICE_KEY = `${DATASTORE}/mender-agent.pem`;
const MACHINE_ID = "/etc/machine-id";
const SSH = "/etc/ssh";

/** What belongs to one device and must not be in an image of many. */
export async function assessSecrets({ tree }: SystemFacts): Promise<readonly ImageFinding[]> {
  const findings: ImageFinding[] = [];
  if ((await tree.find(DEVICE_KEY)) !== undefined) {
    const found = `${DEVICE_KEY} is in the image, so all devices have the same identity`;
    findings.push(wrong("device key", found, "Remove it: each device creates its own key at its first start."));
  }
  const id = (await tree.text(MACHINE_ID))?.trim() ?? "";
  if (/^[0-9a-f]{32}$/.test(id)) {
    const advice = "Empty the file: each device then creates its own at its first start.";
    findings.push(warning("machine-id", `${MACHINE_ID} is set, so all devices have the same one`, advice));
  }
  const hostKeys = (await tree.names(SSH)).filter((name) => /^ssh_host_.*_key$/.test(name));
  if (hostKeys.length > 0) {
    const advice = "Remove them, and let each device create its own: ssh-keygen -A.";
    findings.push(warning("SSH host keys", `${SSH} has ${hostKeys.join(", ")}, the same for all devices`, advice));
  }
  return findings;
}
