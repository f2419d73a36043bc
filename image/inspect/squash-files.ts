import { posix } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { ImageEntry } from "../files/image-files.ts";
import { imagePath } from "../files/image-path.ts";
import type { Place } from "../files/place.ts";
import { IMAGE, runningTool, runTool, type Tool } from "../files/tool.ts";
import type { InspectedFiles } from "./context.ts";

const UNSQUASHFS: Tool = { program: "unsquashfs", package: "squashfs-tools" };
const TOP = "squashfs-root";
/** `-rw-r--r-- 0/0     1234 2023-11-14 22:13 squashfs-root/etc/hosts`; a device has two numbers in place of the size. */
const LINE = /^([-dlbcps])(\S{9}) (\d+)\/(\d+) +(\d+(?:, *\d+)?) \d{4}-\d\d-\d\d \d\d:\d\d (.*)$/;
const KINDS: Readonly<Record<string, ImageEntry["kind"]>> = { "-": "file", d: "folder", l: "link" };

interface SquashEntry extends ImageEntry {
  readonly target?: string;
}

/** Files of a squashfs, through unsquashfs, which lists all of them at once. */
export function createSquashFiles(place: Place): InspectedFiles {
  let folders: Promise<ReadonlyMap<string, readonly SquashEntry[]>> | undefined;
  const options = ["-o", String(place.offset), "-no-wildcards"];

  const all = (signal: AbortSignal): Promise<ReadonlyMap<string, readonly SquashEntry[]>> => {
    folders ??= (async () => {
      const args = [...options, "-lln", IMAGE];
      const { status, stdout, stderr } = await runTool({ tool: UNSQUASHFS, args, place, writes: false }, signal);
      if (status !== 0) throw failure(place, status, stderr);
      return parseListing(stdout.toString("utf8"));
    })();
    return folders;
  };

  return {
    kind: "squashfs",
    list: async (path, signal) => (await all(signal)).get(imagePath(path)) ?? [],
    async readLink(path, signal) {
      const entries = (await all(signal)).get(posix.dirname(path)) ?? [];
      return entries.find(({ name }) => name === posix.basename(path))?.target ?? "";
    },
    async *read(path, signal) {
      const args = [...options, "-cat", IMAGE, imagePath(path).slice(1)];
      const { status, stderr } = yield* runningTool({ tool: UNSQUASHFS, args, place, writes: false }, signal);
      if (status !== 0) throw failure(place, status, stderr);
    },
  };
}

function parseListing(text: string): ReadonlyMap<string, readonly SquashEntry[]> {
  const folders = new Map<string, SquashEntry[]>();
  for (const line of text.split("\n")) {
    const [, letter = "", mode = "", uid, gid, size = "", rest = ""] = LINE.exec(line) ?? [];
    if (!rest.startsWith(`${TOP}/`)) continue;
    const [shown = "", target] = letter === "l" ? rest.split(" -> ") : [rest];
    const path = shown.slice(TOP.length);
    const entry: SquashEntry = {
      name: posix.basename(path),
      kind: KINDS[letter] ?? "other",
      mode: bitsOf(mode),
      uid: Number(uid),
      gid: Number(gid),
      size: Number.parseInt(size, 10),
      ...(target !== undefined && { target }),
    };
    const folder = folders.get(posix.dirname(path)) ?? [];
    folders.set(posix.dirname(path), folder);
    folder.push(entry);
  }
  return folders;
}

/** Permission bits of `rwxr-x---`; special bits do not matter here. */
const bitsOf = (text: string): number =>
  [...text].reduce((bits, letter) => bits * 2 + (/[-ST]/.test(letter) ? 0 : 1), 0);

const failure = ({ path }: Place, status: number | string, stderr: string): AgentError =>
  new AgentError("IMAGE_TOOL_FAILED", { image: path, program: UNSQUASHFS.program, status, stderr });
