import type { FileReads } from "../../ports/files.ts";
import type { Finding } from "../../ports/finding.ts";
import { checkScriptFolder, type EntryWithHead } from "../scripts/check.ts";
import { readScriptEntries, readVersionFile } from "../scripts/folder.ts";
import type { ScriptOrigin } from "../scripts/names.ts";
import { VERSION_FILE } from "../scripts/order.ts";

/** Finds state scripts that would not run. @throws {AgentError} SCRIPT_FOLDER, SCRIPT_UNREADABLE */
export async function examineScripts(
  folder: string,
  origin: ScriptOrigin,
  reads: FileReads,
): Promise<readonly Finding[]> {
  const entries = (await readScriptEntries(folder, reads)).filter(({ name }) => name !== VERSION_FILE);
  if (entries.length === 0) return [{ level: "good", subject: folder, found: "no scripts" }];
  const { runnable, findings } = checkScriptFolder(entries, await readVersionFile(folder), origin);
  const advice = `To see what each script needs: switchback state-scripts check ${folder} --for ${origin}`;
  return [
    ...findings.map(({ level, file, message }): Finding => {
      const isBad = level === "problem";
      return { level: isBad ? "bad" : "note", subject: `${folder}/${file}`, found: message, advice };
    }),
    ...(runnable.length < entries.length
      ? []
      : [{ level: "good", subject: folder, found: `all ${entries.length} scripts can run` } as const]),
  ];
}

/** Finds update modules that the agent would ignore or could not start. @throws {AgentError} SCRIPT_FOLDER */
export async function examineModules(folder: string, reads: FileReads): Promise<readonly Finding[]> {
  const files = (await readScriptEntries(folder, reads)).filter(({ isFile }) => isFile);
  const names = files.map(({ name }) => name).sort();
  return [
    ...files.flatMap((file) => problemOf(`${folder}/${file.name}`, file)),
    { level: "good", subject: folder, found: names.length === 0 ? "no modules" : names.join(", ") },
  ];
}

function problemOf(path: string, { isExecutable, missing }: EntryWithHead): readonly Finding[] {
  if (!isExecutable) {
    const advice = `chmod +x ${path}`;
    return [{ level: "bad", subject: path, found: "not executable, so the agent refuses its payloads", advice }];
  }
  if (missing === undefined) return [];
  const found = `its interpreter ${missing} is missing or not executable, so its payloads fail`;
  return [{ level: "bad", subject: path, found, advice: `Install ${missing}, or correct the first line of ${path}.` }];
}
