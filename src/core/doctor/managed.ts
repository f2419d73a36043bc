import { basename, dirname } from "node:path";
import type { FileReads } from "../../ports/files.ts";
import type { Finding } from "../../ports/finding.ts";
import type { Process } from "../../ports/process.ts";
import { readScriptEntries } from "../scripts/folder.ts";
import { type DeviceKeyFile, keyFacts } from "../server/device-key.ts";
import { readIdentity } from "../server/identity.ts";

/**
 * Whether the identity script identifies the device. Runs it as for the server. @throws {AgentError} IDENTITY_FAILED
 */
export async function examineIdentity(
  script: string,
  process: Process,
  reads: FileReads,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const bad = (found: string, advice: string): readonly Finding[] => [{ level: "bad", subject: script, found, advice }];
  const entry = (await readScriptEntries(dirname(script), reads)).find(({ name }) => name === basename(script));
  if (entry === undefined) {
    return bad(
      "does not exist, so no server accepts the device",
      `Install one, such as the shipped identity/${basename(script)}.`,
    );
  }
  if (!entry.isExecutable) return bad("not executable", `chmod +x ${script}`);
  if (entry.missing !== undefined) {
    return bad(`its interpreter ${entry.missing} is missing or not executable`, "Correct the script's first line.");
  }
  return [{ level: "good", subject: script, found: await readIdentity(process, script, signal) }];
}

/** @param isNeeded whether the device uses a server. @throws {AgentError} DEVICE_KEY */
export async function examineDeviceKey(file: DeviceKeyFile, isNeeded: boolean): Promise<readonly Finding[]> {
  const subject = file.path;
  const facts = await keyFacts(file);
  if (facts === undefined) {
    return isNeeded ? [{ level: "good", subject, found: "none yet: the daemon creates it at its first start" }] : [];
  }
  const { kind = "unknown", weakness } = facts;
  if (weakness === undefined) return [{ level: "good", subject, found: kind }];
  return [{ level: "note", subject, found: weakness, advice: "Bring a stronger key, and accept it on the server." }];
}
