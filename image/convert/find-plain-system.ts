import { AgentError } from "../../src/errors/agent-error.ts";
import { openImageFiles } from "../files/open-files.ts";
import { collectFacts } from "../inspect/collect-facts.ts";
import type { InspectedFiles } from "../inspect/context.ts";
import { isNodeOld, NODE_NEEDED } from "../inspect/node-version.ts";
import type { ReportedPartition, RootSystem } from "../inspect/report.ts";
import { scanImage } from "../inspect/scan-image.ts";
import { createSystemTree, type SystemTree } from "../inspect/system-tree.ts";

/** An image as distributions publish it: one root filesystem, and perhaps a boot partition with FAT. */
export interface PlainSystem {
  readonly root: ReportedPartition;
  /** The files of the root filesystem, without anything mounted. */
  readonly tree: SystemTree;
  readonly boot?: { readonly partition: ReportedPartition; readonly files: InspectedFiles };
}

/**
 * @param shown the path for messages
 * @throws {AgentError} CONVERT_ROOTFS, CONVERT_NODE, CONVERT_AGENT
 */
export async function findPlainSystem(path: string, shown: string, signal: AbortSignal): Promise<PlainSystem> {
  const scanned = await scanImage(path, signal);
  const { systems, unreadable } = await collectFacts(scanned, signal);
  const [system] = systems;
  const root = scanned.partitions.find(({ number }) => number === system?.partition);
  if (system === undefined || root === undefined || systems.length > 1 || !isExt(root)) {
    const reason = [...unreadable.values()].join("; ") || `${systems.length} found`;
    throw new AgentError("CONVERT_ROOTFS", { path: shown, reason, type: root?.fileSystem?.type ?? "" });
  }
  checkSystem(system, shown);
  const files = await openImageFiles({ path, offset: root.offset, size: root.size });
  const tree = createSystemTree(new Map([["/", { files, partition: root.number }]]), signal);
  const boot = scanned.partitions.find(({ fileSystem }) => fileSystem?.type === "vfat");
  if (boot === undefined) return { root, tree };
  const bootFiles = await openImageFiles({ path, offset: boot.offset, size: boot.size });
  return { root, tree, boot: { partition: boot, files: bootFiles } };
}

const isExt = ({ fileSystem }: ReportedPartition): boolean => /^ext[234]$/.test(fileSystem?.type ?? "");

function checkSystem({ agents, node, os = "" }: RootSystem, path: string): void {
  const [agent] = agents;
  if (agent !== undefined) throw new AgentError("CONVERT_AGENT", { path, agent: agent.name, found: agent.path });
  const install = `nodejs ${NODE_NEEDED} or newer`;
  if (node === undefined) throw new AgentError("CONVERT_NODE", { path, os, install });
  if (isNodeOld(node.version)) throw new AgentError("CONVERT_NODE", { path, os, found: node.version ?? "", install });
}
