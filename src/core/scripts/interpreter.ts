import { basename, dirname, join } from "node:path";
import type { FileReads } from "../../ports/files.ts";

/** The usual PATH of an init system, for a root file system whose own setting is unknown. */
const USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const MAX_LINKS = 40;

/**
 * The interpreter that a script names, if it cannot be started, so that the script cannot start either.
 *
 * @param head beginning of the script
 * @param root folder that is `/` on the device
 * @returns `undefined` if the interpreter can start or the script names none
 */
export async function missingInterpreter(head: string, reads: FileReads, root = "/"): Promise<string | undefined> {
  const [, program, rest = ""] = /^#![ \t]*([^ \t\r\n]+)[ \t]*([^\r\n]*)/.exec(head) ?? [];
  if (program === undefined) return undefined;
  if (!(await isProgram(root, program, reads))) return program;
  return basename(program) === "env" ? await missingForEnv(rest.trimEnd(), root, reads) : undefined;
}

/** The kernel passes the rest of the line to `env` as one argument, and `env -S` splits it. */
async function missingForEnv(rest: string, root: string, reads: FileReads): Promise<string | undefined> {
  const words = /^-[A-Za-z]*S/.test(rest) ? rest.replace(/^-[A-Za-z]*S/, "").split(/[ \t]+/) : [rest];
  const name = words.find((word) => word !== "" && !/^(?:-|[A-Za-z_]\w*=)/.test(word));
  if (name === undefined) return undefined;
  const path = root === "/" ? (process.env["PATH"] ?? USUAL_PATH) : USUAL_PATH;
  const places = name.includes("/") ? [name] : path.split(":").map((folder) => join("/", folder, name));
  for (const place of places) if (await isProgram(root, place, reads)) return undefined;
  return name;
}

async function isProgram(root: string, path: string, reads: FileReads): Promise<boolean> {
  const found = path.startsWith("/") ? await inRoot(root, path, reads) : undefined;
  if (found === undefined || !(await reads.mayExecute(found))) return false;
  // ignored: the file has disappeared since.
  return (await reads.look(found).catch(() => undefined))?.isFile === true;
}

/** Resolves `path` with `root` as `/`, following links within it; `undefined` for a circle of links. */
async function inRoot(root: string, path: string, reads: FileReads): Promise<string | undefined> {
  let real = "/";
  let rest = path.split("/");
  for (let links = 0; links < MAX_LINKS; ) {
    const [name, ...after] = rest;
    if (name === undefined) return join(root, real);
    const next = name === ".." ? dirname(real) : join(real, name);
    const target = await reads.readLink(join(root, next));
    rest = target === undefined ? after : [...target.split("/"), ...after];
    if (target === undefined) real = next;
    else links += 1;
    if (target?.startsWith("/") === true) real = "/";
  }
  return undefined;
}
