import { AgentError } from "../../../src/errors/agent-error.ts";
import type { FileActs } from "../../../src/ports/files.ts";
import type { ModuleAction, PayloadHandler } from "../../../src/ports/payload-handler.ts";
import type { Process } from "../../../src/ports/process.ts";
import type { Logger } from "../../../src/util/logger.ts";
import { diskActs } from "../../files/disk.ts";
import { download } from "./download.ts";
import { type DeviceFacts, FileTree } from "./file-tree.ts";
import { type ModuleQuery, UpdateModule } from "./module.ts";

export interface ExternalParts {
  /** Payload type: the name of the module. */
  readonly type: string;
  /** Usually `/usr/share/mender/modules/v3`. */
  readonly modulesFolder: string;
  /** Absolute path of this payload's file tree: `DATASTORE/modules/v3/payloads/0000/tree`. */
  readonly tree: string;
  /** Runs the agent's own tools. */
  readonly process: Process;
  /** Runs the module; default: `process`. */
  readonly programs?: Process;
  readonly log: Logger;
  /** Limit for each call. */
  readonly timeoutMs: number;
  device(): Promise<DeviceFacts>;
  readonly acts?: FileActs;
  /** From SIGTERM to SIGKILL, and the time for a module to end after a failed download. */
  readonly graceMs?: number;
}

const GRACE_MS = 10_000;

/**
 * Calls before which this creates a missing tree for a `rootfs-image`: an agent without trees installed the image, and
 * the agent in the new image takes over.
 */
const TAKEOVER: ReadonlySet<string> = new Set<ModuleAction | ModuleQuery>([
  "ArtifactVerifyReboot",
  "ArtifactCommit",
  "SupportsRollback",
  "ArtifactRollback",
]);

/**
 * Installs payloads of one type through an update module of the board, which is any program that speaks the update
 * module protocol v3. The file tree is durable; the effects of a call are as durable as the module makes them.
 *
 * @throws {AgentError} MODULE_MISSING, MODULE_FAILED, MODULE_ANSWER, MODULE_UNFINISHED, MODULE_STREAM,
 * MODULE_TREE_MISSING, MODULE_TREE_IO, and the codes of the payload
 * @see Update module protocol v3
 */
export function createExternalHandler(parts: ExternalParts): PayloadHandler {
  const { type, process, device, graceMs = GRACE_MS } = parts;
  const tree = new FileTree(parts.tree, parts.acts ?? diskActs);
  const module = new UpdateModule({ ...parts, process: parts.programs ?? process, graceMs });

  async function requireTree(call: ModuleAction | ModuleQuery | "Download"): Promise<string> {
    if (await tree.exists()) return tree.path;
    if (type !== "rootfs-image" || !TAKEOVER.has(call)) {
      throw new AgentError("MODULE_TREE_MISSING", { tree: tree.path, call });
    }
    await tree.build(await device());
    return tree.path;
  }

  return {
    type,
    async prepare(context) {
      await module.find();
      await tree.build(await device(), context);
    },
    async download(payload, signal) {
      await requireTree("Download");
      await download({ module, tree, process, graceMs }, payload, signal);
    },
    async act(action, signal) {
      if (action === "Cleanup") await cleanUp(module, tree, signal);
      else await module.act(action, await requireTree(action), signal);
    },
    needsReboot: async (signal) =>
      module.ask("NeedsArtifactReboot", ["Yes", "Automatic"], await requireTree("NeedsArtifactReboot"), signal),
    supportsRollback: async (signal) =>
      (await module.ask("SupportsRollback", ["Yes"], await requireTree("SupportsRollback"), signal)) === "Yes",
  };
}

/** Removes the tree even if the module fails. Without a tree no module has run, so none needs Cleanup. */
async function cleanUp(module: UpdateModule, tree: FileTree, signal: AbortSignal): Promise<void> {
  try {
    if (await tree.exists()) await module.act("Cleanup", tree.path, signal);
  } finally {
    // The agent repeats an interrupted Cleanup, which needs the tree.
    if (!signal.aborted) await tree.remove();
  }
}
