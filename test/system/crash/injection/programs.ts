import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Violation } from "../../model/rules.ts";
import type { Disk } from "./disk.ts";
import type { Programs } from "./recording-host.ts";

/** A payload that the module installs before it fails. */
export const FAILING = "v2 that fails";

/** The required content of a state script of an Artifact, or of the root file system, when it is started. */
export const scriptText = (name: string, owner: string): string => `#!/bin/sh\n# ${name} of ${owner}\n`;

/** The programs of a board in `dir`: its state scripts, and the update module `app` that changes `opt/app` in place. */
export function programsOn(dir: string): Programs {
  return ([program = "", call = "", tree = ""], disk) => {
    if (basename(dirname(program)) !== "scripts") return appModule(join(dir, "opt/app"), disk, call, tree);
    checkScript(dir, program);
    return { exitCode: 0 };
  };
}

/** A program that starts as root must be a complete script, and must belong to the current update. */
function checkScript(dir: string, path: string): void {
  const isArtifacts = path.startsWith(join(dir, "data"));
  const { values } = JSON.parse(readFileSync(join(dir, "data/switchback-store"), "utf8"));
  const owner = isArtifacts ? JSON.parse(values.state).artifact.name : "rootfs";
  const text = readFileSync(path, "utf8");
  if (text !== scriptText(basename(path), owner)) throw new Violation(`a script runs that is not of ${owner}`);
}

const ANSWERS: Readonly<Record<string, string>> = { SupportsRollback: "Yes\n", NeedsArtifactReboot: "No\n" };

/** Keeps what it replaces in the file tree, which lives exactly as long as the update. */
function appModule(target: string, disk: Disk, call: string, tree: string): ReturnType<Programs> {
  const backup = join(tree, "tmp/app.old");
  if (call === "ArtifactInstall") {
    if (!existsSync(backup)) replace(disk, backup, readFileSync(target));
    const content = readFileSync(join(tree, "files/app"));
    replace(disk, target, content);
    return { exitCode: content.toString() === FAILING ? 1 : 0 };
  }
  if (call === "ArtifactRollback" && existsSync(backup)) replace(disk, target, readFileSync(backup));
  return { exitCode: 0, stdout: ANSWERS[call] ?? "" };
}

function replace(disk: Disk, path: string, content: Buffer): void {
  disk.write(`${path}.new`, content, 0o644);
  disk.sync(`${path}.new`);
  disk.rename(`${path}.new`, path);
  disk.sync(dirname(path));
}
