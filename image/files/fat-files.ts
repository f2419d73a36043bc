import { AgentError } from "../../src/errors/agent-error.ts";
import type { ImageChange, ImageEntry, ImageFiles } from "./image-files.ts";
import { imagePath, splitPath } from "./image-path.ts";
import type { Place } from "./place.ts";
import { IMAGE, runningTool, runTool, type Tool } from "./tool.ts";

const ROOT: ImageEntry = { name: "", kind: "folder", mode: 0o755, uid: 0, gid: 0, size: 0 };
const FILE_MODE = 0o644;
/** `NAME     EXT      1234 2024-01-31  12:34  long name`; a folder has `<DIR>` in place of the size. */
const LINE = /^(.{8}.(?:.{3})) +(<DIR>|\d+) +\d{4}-\d\d-\d\d/;
/** FAT has no such names, or mtools takes them for a pattern. */
const REFUSED = /["*:<>?\\|[\]]/;

/** Files of a FAT file system, through mtools. */
export function createFatFiles(place: Place): ImageFiles {
  const drive = `${IMAGE}@@${place.offset}`;
  const run = async (
    program: string,
    args: readonly string[],
    writes: boolean,
    signal: AbortSignal,
  ): Promise<string> => {
    const call = { tool: mtool(program), args: ["-i", drive, ...args], place, writes };
    const { status, stdout, stderr } = await runTool(call, signal);
    if (status !== 0 || stderr !== "") throw failure(place, program, status, stderr);
    return stdout.toString("utf8");
  };

  const list: ImageFiles["list"] = async (path, signal) => {
    const whole = fatPath(path);
    if (whole !== "/") {
      const found = await look(whole, signal);
      if (found === undefined) throw new AgentError("IMAGE_FILE_MISSING", { image: place.path, path: whole });
      if (found.kind !== "folder") {
        throw new AgentError("IMAGE_FILE_KIND", {
          image: place.path,
          path: whole,
          found: found.kind,
          expected: "folder",
        });
      }
    }
    // The short form has the names in full, and the long one has the sizes, in the same order.
    const short = await run("mdir", ["-a", "-b", `::${whole}`], false, signal);
    const long = await run("mdir", ["-a", `::${whole}`], false, signal);
    const sizes = long.split("\n").flatMap((line) => {
      const [, name = "", size = ""] = LINE.exec(line) ?? [];
      return name === "" || /^\.{1,2} *$/.test(name) ? [] : [Number(size.replace("<DIR>", "0"))];
    });
    const names = short.split("\n").filter((line) => line.startsWith("::/"));
    return names.map((line, index) => entryOf(line, sizes[index] ?? 0));
  };

  const look: ImageFiles["look"] = async (path, signal) => {
    const { folder, name } = splitPath(fatPath(path));
    if (name === "") return ROOT;
    try {
      return (await list(folder, signal)).find((entry) => entry.name.toLowerCase() === name.toLowerCase());
    } catch (error) {
      if (error instanceof AgentError && error.code === "IMAGE_FILE_MISSING") return undefined;
      throw error;
    }
  };

  const apply = async (change: ImageChange, signal: AbortSignal): Promise<void> => {
    const path = fatPath(change.path);
    const detail = { image: place.path, path };
    if (path === "/") throw new AgentError("IMAGE_FILE_KIND", { ...detail, reason: "the root folder" });
    if (change.act === "link") throw new AgentError("IMAGE_FILE_KIND", { ...detail, reason: "FAT has no links" });
    await list(splitPath(path).folder, signal);
    const found = (await look(path, signal))?.kind;
    if (change.act === "remove") {
      if (found === undefined) throw new AgentError("IMAGE_FILE_MISSING", detail);
      await run(found === "folder" ? "mrd" : "mdel", [`::${path}`], true, signal);
    } else if (change.act === "folder") {
      if (found === "file") throw new AgentError("IMAGE_FILE_KIND", { ...detail, found, expected: "folder" });
      if (found === undefined) await run("mmd", [`::${path}`], true, signal);
    } else {
      if (found === "folder") throw new AgentError("IMAGE_FILE_KIND", { ...detail, found, expected: "file" });
      await run("mcopy", ["-n", "-o", change.from, `::${path}`], true, signal);
    }
  };

  return {
    kind: "fat",
    list,
    look,
    async readLink(path) {
      throw new AgentError("IMAGE_FILE_KIND", { image: place.path, path, reason: "FAT has no links" });
    },
    async *read(path, signal) {
      const call = { tool: mtool("mcopy"), args: ["-n", "-i", drive, `::${fatPath(path)}`, "-"], place, writes: false };
      const { status, stderr } = yield* runningTool(call, signal);
      if (status !== 0 || stderr !== "") throw failure(place, "mcopy", status, stderr);
    },
    async change(changes, signal) {
      for (const change of changes) await apply(change, signal);
    },
    // mtools checks what it reads, and FAT has no journal.
    async repair() {},
    async check() {},
  };
}

const mtool = (program: string): Tool => ({ program, package: "mtools" });

function entryOf(line: string, size: number): ImageEntry {
  const isFolder = line.endsWith("/");
  const path = isFolder ? line.slice(0, -1) : line;
  const name = path.slice(path.lastIndexOf("/") + 1);
  return isFolder ? { ...ROOT, name } : { name, kind: "file", mode: FILE_MODE, uid: 0, gid: 0, size };
}

/** @throws {AgentError} IMAGE_PATH */
function fatPath(path: string): string {
  const whole = imagePath(path);
  if (REFUSED.test(whole)) throw new AgentError("IMAGE_PATH", { path: whole, reason: "FAT has no such name" });
  return whole;
}

function failure({ path: image }: Place, program: string, status: number | string, stderr: string): AgentError {
  const code = /disk full|no (?:free )?space|No free cluster/i.test(stderr) ? "IMAGE_FULL" : "IMAGE_TOOL_FAILED";
  return new AgentError(code, { image, program, status, stderr });
}
