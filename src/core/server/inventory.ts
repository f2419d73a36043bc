import { createHash } from "node:crypto";
import { join } from "node:path";
import { AgentError, describeError } from "../../errors/agent-error.ts";
import type { FileReads } from "../../ports/files.ts";
import type { Process } from "../../ports/process.ts";
import type { Logger } from "../../util/logger.ts";
import { expectStatus } from "./exchange.ts";
import { type Attributes, mergeAttributes, parseAttributes, sortedAttributes } from "./script-output.ts";
import type { Session } from "./session.ts";

export interface InventoryParts {
  readonly process: Process;
  readonly reads: Pick<FileReads, "list" | "look">;
  readonly log: Logger;
  /** Folder of the scripts `mender-inventory-*`. */
  readonly folder: string;
  /** What the agent itself knows; it overrides what scripts say. */
  builtIn(): Promise<Readonly<Record<string, string>>>;
}

const LIMITS = { timeoutMs: 60_000, maxOutputBytes: 256 * 1024, endsWithOutput: true };
const PATH = "/api/devices/v1/inventory/device/attributes";

/**
 * What the device says of itself: its scripts', side by side and each within a minute, and the agent's own, as the
 * JSON that servers take. It is the same text as long as nothing has changed.
 *
 * @throws {AgentError} INVENTORY_FAILED when there are scripts and every one has failed
 * @see spec "config-and-cli", section 9
 */
export async function collectInventory(parts: InventoryParts, signal: AbortSignal): Promise<string> {
  const scripts = await scriptsIn(parts);
  const said = await Promise.all(scripts.map((script) => runScript(parts, script, signal)));
  const good = said.filter((attributes) => attributes !== undefined);
  if (scripts.length > 0 && good.length === 0)
    throw new AgentError("INVENTORY_FAILED", { folder: parts.folder, scripts: scripts.length });
  const own = Object.entries(await parts.builtIn()).map(([key, value]) => [key, [value]] as const);
  const all: Attributes = new Map([...mergeAttributes(good), ...own]);
  return JSON.stringify(sortedAttributes(all).map(([name, value]) => ({ name, value })));
}

/** Sorted, because attributes that several scripts say keep their order. */
async function scriptsIn({ folder, reads, log }: InventoryParts): Promise<readonly string[]> {
  let names: readonly string[];
  try {
    names = await reads.list(folder);
  } catch {
    // ignored: a device without such a folder has no scripts.
    return [];
  }
  const scripts: string[] = [];
  for (const name of names.filter((each) => each.startsWith("mender-inventory-")).sort()) {
    const path = join(folder, name);
    const found = await reads.look(path).catch(() => undefined); // ignored: gone, or a link to nothing: no script.
    if (found?.isFile === true && found.isExecutable) scripts.push(path);
    else log("warning", `Inventory script ${path} is not an executable file, so it does not run`);
  }
  return scripts;
}

/** @returns `undefined` for a script that has failed: what it said does not count. */
async function runScript(
  { process, log }: InventoryParts,
  script: string,
  signal: AbortSignal,
): Promise<Attributes | undefined> {
  try {
    const { exitCode, stdout } = await process.run([script], LIMITS, signal);
    if (exitCode !== 0) {
      log("warning", `Inventory script ${script} ended with ${exitCode ?? "a signal"}, so its output is ignored`);
      return undefined;
    }
    const { attributes, odd } = parseAttributes(stdout);
    if (odd !== undefined)
      log(
        "warning",
        `Inventory script ${script}: ignoring its output from a line that is not key=value in UTF-8: ${odd.line}`,
      );
    return attributes;
  } catch (error) {
    if (signal.aborted || !(error instanceof AgentError)) throw error;
    log("warning", `Inventory script ${script} failed, so its output is ignored: ${describeError(error)}`);
    return undefined;
  }
}

/**
 * Sends the inventory, unless the server has this very one.
 *
 * @throws {AgentError} SERVER_STATUS, INVENTORY_FAILED, and what `Session.send` throws
 */
export async function sendInventory(parts: InventoryParts, session: Session, signal: AbortSignal): Promise<void> {
  const body = await collectInventory(parts, signal);
  if (await sendOnce("PUT", body, session, signal)) parts.log("info", "Sent the inventory");
  else parts.log("debug", "The inventory has not changed");
}

/** Names the trouble of a device that can neither be updated nor say what it runs. The next inventory removes it. */
const TROUBLE = "switchback_trouble";

/**
 * Adds to the server's inventory of this device what keeps it from asking for updates. The other attributes stay as they
 * are: what the device runs is not known now, and decides which deployments it gets.
 *
 * @throws {AgentError} SERVER_STATUS, and what `Session.send` throws
 */
export async function sendTrouble(trouble: string, session: Session, signal: AbortSignal): Promise<void> {
  await sendOnce("PATCH", JSON.stringify([{ name: TROUBLE, value: trouble }]), session, signal);
}

/** @returns whether it was sent: not when the server has had this very body last */
async function sendOnce(
  method: "PUT" | "PATCH",
  body: string,
  session: Session,
  signal: AbortSignal,
): Promise<boolean> {
  const inventoryHash = createHash("sha256").update(body).digest("hex");
  if ((await session.state()).inventoryHash === inventoryHash) return false;
  const request = { method, path: PATH, body } as const;
  expectStatus(await session.send(request, signal), 200, request);
  await session.update({ inventoryHash });
  return true;
}
