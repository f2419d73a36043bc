import { posix } from "node:path";
import { openArtifact } from "../../src/artifact/reader.ts";
import { bufferSource } from "../../src/util/byte-source.ts";
import { findAgents, findNode } from "./agents.ts";
import { installedPackages } from "./packages.ts";
import type { NamedArtifact, RootSystem } from "./report.ts";
import type { SystemTree } from "./system-tree.ts";

/** Where the agent keeps its data. */
export const DATASTORE = "/var/lib/mender";
const SYSTEMD = "/usr/lib/systemd/systemd";
const INFO = "/etc/mender/artifact_info";
const STORE = `${DATASTORE}/switchback-store`;
const BOOTSTRAP = `${DATASTORE}/bootstrap.mender`;

/** Whether a file system holds an operating system: a data partition can also have a folder `etc`. */
export async function isRoot(tree: SystemTree): Promise<boolean> {
  const names = await tree.names("/");
  return names.includes("etc") && ["usr", "bin", "sbin"].some((name) => names.includes(name));
}

export async function describeSystem(tree: SystemTree, partition: number): Promise<RootSystem> {
  const packages = await installedPackages(tree.text);
  const release = (await tree.text("/etc/os-release")) ?? (await tree.text("/usr/lib/os-release"));
  const os = /^PRETTY_NAME=["']?([^"'\n]*)/m.exec(release ?? "")?.[1];
  const artifactName = lineIn(await tree.text(INFO), "artifact_name");
  return {
    partition,
    ...(os && { os }),
    ...(artifactName && { artifactName }),
    systemd: (await tree.find(SYSTEMD)) !== undefined,
    agents: await findAgents(tree, packages),
    ...(await findNode(tree, packages)),
  };
}

/** The name that the device reports at its first start: of its store, of the bootstrap Artifact, or of `artifact_info`. */
export async function namedArtifact(tree: SystemTree): Promise<NamedArtifact | undefined> {
  const stored = storedName(await tree.text(STORE));
  if (stored !== undefined) return { name: stored, from: STORE };
  const bootstrap = await tree.read(BOOTSTRAP);
  if (bootstrap !== undefined) {
    const reader = await openArtifact(bufferSource(bootstrap));
    await reader.close();
    return { name: reader.info.name, from: BOOTSTRAP };
  }
  const name = lineIn(await tree.text(INFO), "artifact_name");
  return name === undefined ? undefined : { name, from: INFO };
}

/** @param file path of the file, which the configuration may name */
export async function deviceTypeIn(
  tree: SystemTree,
  file = posix.join(DATASTORE, "device_type"),
): Promise<string | undefined> {
  return lineIn(await tree.text(file), "device_type");
}

const lineIn = (text: string | undefined, key: string): string | undefined =>
  text
    ?.split("\n")
    .find((line) => line.startsWith(`${key}=`))
    ?.slice(key.length + 1)
    .trim() || undefined;

function storedName(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    const { values } = JSON.parse(text) as { values?: Record<string, unknown> };
    const name = values?.["artifact-name"];
    return typeof name === "string" ? name : undefined;
  } catch {
    // ignored: the agent also continues without a damaged store.
    return undefined;
  }
}
