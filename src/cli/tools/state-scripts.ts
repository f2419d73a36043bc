import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { type Command, Option } from "commander";
import { localReads } from "../../agent/files.ts";
import type { CliIo } from "../../agent/io.ts";
import { checkScriptFolder, type EntryWithHead, type FolderCheck, type FolderKind } from "../../core/scripts/check.ts";
import { readScriptEntries, readVersionFile } from "../../core/scripts/folder.ts";
import type { ScriptOrigin } from "../../core/scripts/names.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { jsonLine } from "../one-line.ts";

interface CheckOptions {
  readonly for?: ScriptOrigin;
  readonly root?: string;
  readonly json?: true;
}

/** `switchback state-scripts`: tools for authors of state scripts. */
export function register(program: Command, io: CliIo): void {
  const scripts = program
    .command("state-scripts")
    .description("check state scripts, on a device or where you build images")
    .addHelpText("after", EXAMPLE);

  scripts
    .command("check")
    .description("report which scripts of a folder will not run, and why")
    .argument("<dir>", "folder with state scripts")
    .addOption(
      new Option("--for <kind>", "kind of folder; without this option, the name of each script decides").choices([
        "rootfs",
        "artifact",
      ]),
    )
    .option("--root <dir>", "root filesystem of the device, in which to look for interpreters (default: /)")
    .option("--json", "print one JSON object")
    .addHelpText("after", EXAMPLE)
    .action(async (dir: string, options: CheckOptions) => {
      const found = checkScriptFolder(await readEntries(dir, options.root), await readVersionFile(dir), options.for);
      for (const line of options.json === true ? [jsonLine({ dir, ...found })] : describe(dir, found)) {
        io.out(line);
      }
      if (found.findings.some(({ level }) => level === "problem")) io.exitCode = 1;
    });
}

/** @throws {AgentError} SCRIPT_FOLDER, even if the folder is only missing, because the user asked for this one */
async function readEntries(dir: string, root?: string): Promise<readonly EntryWithHead[]> {
  try {
    await (await open(dir, constants.O_RDONLY | constants.O_NONBLOCK)).close();
  } catch (cause) {
    throw new AgentError("SCRIPT_FOLDER", { folder: dir }, cause);
  }
  return await readScriptEntries(dir, localReads, root);
}

function describe(dir: string, { origin, runnable, findings }: FolderCheck): readonly string[] {
  const count = (level: string, name: string): string => {
    const number = findings.filter((finding) => finding.level === level).length;
    return `${number} ${name}${number === 1 ? "" : "s"}`;
  };
  return [
    ...findings.map(({ level, file, message }) => `${level}: ${file} ${message}`),
    ...runnable.map((name) => `runs: ${name}`),
    `${dir}, as scripts of ${KINDS[origin]}: ${runnable.length} ${runnable.length === 1 ? "runs" : "run"}, ${count("problem", "problem")}, ${count("note", "note")}.`,
  ];
}

const KINDS: Readonly<Record<FolderKind, string>> = {
  rootfs: "the root filesystem",
  artifact: "an Artifact",
  mixed: "the root filesystem and of an Artifact",
};

const EXAMPLE = `
Exit status:
  0  every script will run
  1  a script will not run, or the check failed

Examples:
  switchback state-scripts check /etc/mender/scripts --for rootfs
  switchback state-scripts check image/etc/mender/scripts --for rootfs --root image`;
