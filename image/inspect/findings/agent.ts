import type { Facts } from "../facts.ts";
import { isNodeOld, NODE_NEEDED } from "../node-version.ts";
import type { ImageFinding } from "../report.ts";
import { good, warning, wrong } from "./say.ts";

/** Whether one agent is there, can start, and has a name for the software. */
export function assessAgent({ systems, artifact }: Facts): readonly ImageFinding[] {
  const [system] = systems;
  if (system === undefined) return [];
  const subject = "agent";
  const [agent, second] = system.agents;
  if (agent === undefined) {
    const advice = "Copy the agent into the image: see docs/install.md, or use 'switchback image convert'.";
    return [wrong(subject, "none", advice)];
  }
  const findings = [good(subject, `${NAMES[agent.name]} ${agent.version ?? "of unknown version"}, ${agent.path}`)];
  if (second !== undefined) {
    const found = `there is also ${NAMES[second.name]}, ${second.path}`;
    findings.push(wrong("second agent", found, "Remove one of them: they do not respect each other's lock."));
  }
  if (agent.name === "switchback") findings.push(node(system.node));
  if (agent.unit !== undefined) findings.push(good("service", agent.unit));
  else if (system.systemd) {
    const advice = "Enable one: see docs/install.md, 'Start at boot'.";
    findings.push(warning("service", "no unit of systemd starts the agent", advice));
  }
  if (artifact !== undefined) findings.push(good("Artifact name", `${artifact.name}, from ${artifact.from}`));
  else {
    const advice =
      "Write artifact_name=NAME into /etc/mender/artifact_info, or put a bootstrap Artifact on the data partition.";
    findings.push(warning("Artifact name", "none: the device reports 'unknown' to its server", advice));
  }
  return findings;
}

const NAMES = { switchback: "Switchback", mender: "Mender client" } as const;

function node(found: Facts["systems"][number]["node"]): ImageFinding {
  const subject = "Node";
  const advice = `Install Node ${NODE_NEEDED} or newer: the package nodejs of Debian 13, for example.`;
  if (found === undefined) return wrong(subject, "none in /usr/bin, /usr/local/bin and /bin", advice);
  if (found.version === undefined) return good(subject, `${found.path}, of unknown version`);
  const what = `${found.version}, ${found.path}`;
  return isNodeOld(found.version) ? wrong(subject, `${what}, which is too old`, advice) : good(subject, what);
}
