import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { isArtifactScriptName } from "../../src/artifact/script-name.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import { copyFileTo, newFolder } from "./write-files.ts";

/** Scripts of the device's own system, which run before an Artifact is there. */
const ROOTFS_NAME = /^(?:Idle|Sync|Download)_(?:Enter|Leave|Error)_[0-9]{2}(?:_\S+)?$/;

export interface SortedScripts {
  readonly artifact: readonly string[];
  readonly rootfs: readonly string[];
}

/**
 * Sorts state scripts: those of the Artifact, and those of the root filesystem. Refuses every other name, because no
 * client would run such a file.
 *
 * @throws {AgentError} YOCTO_SCRIPT_NAME, SCRIPT_UNREADABLE, SCRIPT_DUPLICATE
 */
export async function sortScripts(folders: readonly string[]): Promise<SortedScripts> {
  const sorted = { artifact: new Map<string, string>(), rootfs: new Map<string, string>() };
  for (const folder of folders) {
    for (const name of (await reading(folder, readdir(folder))).toSorted()) {
      const path = join(folder, name);
      const kind = isArtifactScriptName(name) ? "artifact" : ROOTFS_NAME.test(name) ? "rootfs" : undefined;
      if (kind === undefined) throw new AgentError("YOCTO_SCRIPT_NAME", { path, reason: whyNot(name) });
      if (sorted[kind].has(name)) throw new AgentError("SCRIPT_DUPLICATE", { path });
      const found = await reading(path, stat(path));
      if (!found.isFile()) throw new AgentError("SCRIPT_UNREADABLE", { path, reason: "not a regular file" });
      if ((found.mode & 0o111) === 0) throw new AgentError("SCRIPT_UNREADABLE", { path, reason: "not executable" });
      sorted[kind].set(name, path);
    }
  }
  return { artifact: [...sorted.artifact.values()], rootfs: [...sorted.rootfs.values()] };
}

/** Copies the scripts of one kind into a new folder. @throws {AgentError} OUTPUT_FAILED */
export const copyScripts = (scripts: readonly string[], output: string): Promise<void> =>
  newFolder(output, async (work) => {
    for (const path of scripts) await copyFileTo(path, join(work, basename(path)));
  });

const STATES = [
  ...["Idle", "Sync", "Download", "ArtifactInstall", "ArtifactReboot", "ArtifactCommit", "ArtifactRollback"],
  ...["ArtifactRollbackReboot", "ArtifactFailure"],
];

function whyNot(name: string): string {
  const [state = "", action = "", order = ""] = name.split("_");
  if (!STATES.includes(state)) return `${state} is no state: ${STATES.join(", ")}`;
  if (!["Enter", "Leave", "Error"].includes(action)) return "after the state comes Enter, Leave or Error";
  return `${order} is not a number of two digits`;
}

async function reading<T>(path: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (cause) {
    throw new AgentError("SCRIPT_UNREADABLE", { path }, cause);
  }
}
