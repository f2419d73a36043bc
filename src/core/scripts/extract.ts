import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { ArtifactScript } from "../../artifact/model.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { diskActs, ensureFolder, type FileActs } from "../../util/durable-file.ts";
import { originOf, parseScriptName } from "./names.ts";
import { VERSION_FILE } from "./order.ts";

const SCRIPT_MODE = 0o700;
const VERSION = "3";

/**
 * Replaces what is in `folder` by the scripts of an Artifact whose header is known to be right. What it resolves with
 * is durable: the scripts have to be there after the reboot into the new system, and those of an earlier update must
 * not come back. A power cut in between leaves some of either; the next call starts over.
 *
 * @throws {AgentError} SCRIPT_NAME before anything is changed; SCRIPT_FOLDER
 * @see spec "state-scripts", sections 1 and 11
 */
export async function extractScripts(
  folder: string,
  scripts: readonly ArtifactScript[],
  acts: FileActs = diskActs,
): Promise<void> {
  for (const { name } of scripts) checkName(name);
  try {
    const wiped = await wipe(folder, acts);
    if (scripts.length > 0) await write(folder, scripts, acts);
    if (wiped || scripts.length > 0) await acts.syncFolder(folder);
  } catch (cause) {
    throw new AgentError("SCRIPT_FOLDER", { folder }, cause);
  }
}

/** The reader has looked at the names already; but what is written here is executed by root. */
function checkName(name: string): void {
  const parsed = parseScriptName(name);
  if (parsed === undefined || originOf(parsed.state) !== "artifact" || name.includes("/")) {
    throw new AgentError("SCRIPT_NAME", { path: name });
  }
}

/** Empties the folder, which itself stays: it may be a link, or a mount. */
async function wipe(folder: string, acts: FileActs): Promise<boolean> {
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return false;
    throw cause;
  }
  for (const name of names) await acts.remove(join(folder, name));
  return names.length > 0;
}

async function write(folder: string, scripts: readonly ArtifactScript[], acts: FileActs): Promise<void> {
  await ensureFolder(folder, 0o755, acts);
  for (const { name, content } of scripts) await acts.writeSynced(join(folder, name), content, SCRIPT_MODE);
  await acts.writeSynced(join(folder, VERSION_FILE), VERSION, 0o600);
}
