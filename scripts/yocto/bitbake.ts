import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { capture, type Finished } from "../lib/run.ts";
import { handOver, type Workspace } from "./workspace.ts";

const SYSTEM = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/** Runs a program of BitBake or OE-Core in a build folder, and keeps its output in a log beside it. */
export async function bitbake(
  workspace: Workspace,
  build: string,
  argv: readonly [program: string, ...args: readonly string[]],
): Promise<Finished> {
  const { places } = workspace;
  await handOver(workspace);
  const path = `${join(places.core, "scripts")}:${join(places.bitbake, "bin")}:${SYSTEM}`;
  const isRoot = process.getuid?.() === 0;
  const home = isRoot ? `/home/${places.user}` : (process.env["HOME"] ?? "/");
  const clean = ["env", "-i", `HOME=${home}`, "LANG=en_US.UTF-8", "LC_ALL=en_US.UTF-8", `PATH=${path}`];
  const command = [...(isRoot ? ["runuser", "-u", places.user, "--"] : []), ...clean, `BUILDDIR=${build}`];
  const [program = "", ...args] = [...command, ...argv];
  const finished = await capture(program, args, {}, build);
  await mkdir(join(places.work, "log"), { recursive: true });
  await writeFile(join(places.work, "log", `${argv.join("-").replace(/\W+/g, "-").slice(0, 60)}.log`), finished.output);
  return finished;
}

/** Runs it, and expects neither an error nor a warning. */
export async function expectClean(
  workspace: Workspace,
  build: string,
  argv: readonly [program: string, ...args: readonly string[]],
): Promise<Finished> {
  const finished = await bitbake(workspace, build, argv);
  const said = remarks(finished.output);
  if (finished.code !== 0 || said.length > 0) {
    const lines = said.length > 0 ? said : finished.output.trim().split("\n").slice(-20);
    throw new Error(`${argv.join(" ")} ended with status ${finished.code}:\n${lines.join("\n")}`);
  }
  return finished;
}

/** Warnings and errors. */
export const remarks = (output: string): readonly string[] =>
  output.split("\n").filter((line) => /^(?:WARNING|ERROR|FATAL)\b/.test(line));

/** The line of BitBake's output that begins in this way. */
export const lineOf = (output: string, start: string): string =>
  output.split("\n").find((line) => line.startsWith(start)) ?? `no line begins with "${start}"`;
