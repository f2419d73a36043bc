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
  /** The agent's own attributes; they override those of scripts. */
  builtIn(): Promise<Readonly<Record<string, string>>>;
}

const LIMITS = { timeoutMs: 60_000, maxOutputBytes: 256 * 1024, endsWithOutput: true };
const PATH = "/api/devices/v1/inventory/device/attributes";

/**
 * Collects the device's inventory as JSON for the server. It consists of the output of the scripts, which run in
 * parallel for at most a minute each, and the agent's own attributes. The text stays the same as long as the attributes
 * do.
 *
 * @throws {AgentError} INVENTORY_FAILED if there are scripts and all of them fail
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

/** Sorted, because an attribute from several scripts keeps its values in this order. */
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
    const found = await reads.look(path).catch(() => undefined); // ignored: gone, or a dangling link: no script.
    if (found?.isFile === true && found.isExecutable) scripts.push(path);
    else log("warning", `Inventory script ${path} is not an executable file, so it does not run`);
  }
  return scripts;
}

/** @returns `undefined` if the script fails: its output then does not count */
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
 * Sends the inventory, unless the server already has the same one.
 *
 * @throws {AgentError} SERVER_STATUS, INVENTORY_FAILED, and what `Session.send` throws
 */
export async function sendInventory(parts: InventoryParts, session: Session, signal: AbortSignal): Promise<void> {
  const body = await collectInventory(parts, signal);
  if (await sendOnce("PUT", body, session, signal)) parts.log("info", "Sent the inventory");
  else parts.log("debug", "The inventory has not changed");
}

/**
 * Attribute that describes a problem of a device that can neither be updated nor report its software. The next
 * inventory removes it.
 */
const TROUBLE = "switchback_trouble";

/**
 * Adds to the server's inventory the problem that stops this device from asking for updates. Other attributes stay
 * unchanged: the device cannot read its provides now, and they decide which deployments it gets.
 *
 * @throws {AgentError} SERVER_STATUS, and what `Session.send` throws
 */
export async function sendTrouble(trouble: string, session: Session, signal: AbortSignal): Promise<void> {
  await sendOnce("PATCH", JSON.stringify([{ name: TROUBLE, value: trouble }]), session, signal);
}

/** @returns whether the body was sent; false if it is the last one that the server got */
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
