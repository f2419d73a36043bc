import { posix } from "node:path";
import type { AgentReport, RootSystem } from "./report.ts";
import type { SystemTree } from "./system-tree.ts";

const ENTRY = "switchback.mjs";
const OWN_NAMES = ["/usr/bin/switchback", "/usr/local/bin/switchback", `/usr/lib/switchback/${ENTRY}`];
/** Programs of the Mender client before version 4 and since then, and the packages that bring them. */
const MENDER_NAMES = ["/usr/bin/mender-update", "/usr/bin/mender-auth", "/usr/bin/mender"];
const MENDER_PACKAGES = ["mender-client", "mender-client4", "mender-update", "mender-auth", "mender"];
const NODE_NAMES = ["/usr/bin/node", "/usr/local/bin/node", "/bin/node"];

const UNIT_FOLDERS = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
const TARGETS = ["multi-user.target.wants", "timers.target.wants"];
const UNITS: Readonly<Record<AgentReport["name"], readonly string[]>> = {
  switchback: ["switchback.service", "switchback-poll.timer"],
  mender: ["mender-updated.service", "mender-client.service", "mender.service"],
};

/** The agents in a system: usually one. Two of them would not respect each other's lock. */
export async function findAgents(
  tree: SystemTree,
  packages: ReadonlyMap<string, string>,
): Promise<readonly AgentReport[]> {
  const units = await enabledUnits(tree);
  const unitOf = (name: AgentReport["name"]): { readonly unit?: string } => {
    const unit = UNITS[name].find((each) => units.has(each));
    return unit === undefined ? {} : { unit };
  };
  const agents: AgentReport[] = [];
  for (const name of OWN_NAMES) {
    const found = await tree.find(name);
    if (found?.entry.kind !== "file" || posix.basename(found.whole) !== ENTRY) continue;
    const version = await bundleVersion(tree, posix.dirname(found.whole));
    agents.push({ name: "switchback", path: found.whole, ...(version && { version }), ...unitOf("switchback") });
    break;
  }
  for (const name of MENDER_NAMES) {
    const found = await tree.find(name);
    // Links with these names can lead to Switchback, which imitates the client.
    if (found?.entry.kind !== "file" || posix.basename(found.whole) === ENTRY) continue;
    const version = MENDER_PACKAGES.map((each) => packages.get(each)).find((each) => each !== undefined);
    agents.push({ name: "mender", path: found.whole, ...(version && { version }), ...unitOf("mender") });
    break;
  }
  return agents;
}

export async function findNode(
  tree: SystemTree,
  packages: ReadonlyMap<string, string>,
): Promise<Pick<RootSystem, "node">> {
  for (const name of NODE_NAMES) {
    const found = await tree.find(name);
    if (found?.entry.kind !== "file") continue;
    const version = packages.get("nodejs");
    return { node: { path: found.whole, ...(version && { version }) } };
  }
  return {};
}

/** The chunk that every command loads has the version among its first constants. */
async function bundleVersion(tree: SystemTree, folder: string): Promise<string | undefined> {
  const chunk = (await tree.names(`${folder}/chunks`)).find((name) => /^start-.*\.mjs$/.test(name));
  const code = chunk && (await tree.text(`${folder}/chunks/${chunk}`));
  return /="(\d+\.\d+\.\d+(?:-[\w.]+)?)"/.exec(code ?? "")?.[1];
}

async function enabledUnits(tree: SystemTree): Promise<ReadonlySet<string>> {
  const folders = UNIT_FOLDERS.flatMap((folder) => TARGETS.map((target) => `${folder}/${target}`));
  const names: (readonly string[])[] = [];
  for (const folder of folders) names.push(await tree.names(folder));
  return new Set(names.flat());
}
