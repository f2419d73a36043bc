import { AgentError } from "../../src/errors/agent-error.ts";
import { catFile, debugfs, e2fsck, quoted, quotedFolder } from "./debugfs.ts";
import { changeCommands } from "./ext-changes.ts";
import { parseList } from "./ext-list.ts";
import type { ImageEntry, ImageFiles } from "./image-files.ts";
import { imagePath, splitPath } from "./image-path.ts";
import type { Place } from "./place.ts";

const ROOT: ImageEntry = { name: "", kind: "folder", mode: 0o755, uid: 0, gid: 0, size: 0 };
/** debugfs's words for a path that leads nowhere. */
const MISSING = /File not found by ext2_lookup/;
const NO_FOLDER = /not a directory/;
const FAST_LINK = 'Fast link dest: "';
/** Links up to this size are in the inode. */
const FAST_LINK_BYTES = 59;

/** Files of an ext2, ext3 or ext4 file system, through debugfs. */
export function createExtFiles(place: Place): ImageFiles {
  const list: ImageFiles["list"] = async (path, signal) => {
    const whole = imagePath(path);
    const [text = ""] = await debugfs(place, [`ls -p ${quotedFolder(whole)}`], false, signal).catch(
      (error: unknown) => {
        throw explained(error, place, whole) ?? error;
      },
    );
    return parseList(text).filter(({ name }) => name !== "." && name !== "..");
  };

  const look: ImageFiles["look"] = async (path, signal) => {
    const { folder, name } = splitPath(path);
    if (name === "") return ROOT;
    try {
      return (await list(folder, signal)).find((entry) => entry.name === name);
    } catch (error) {
      if (error instanceof AgentError && error.code === "IMAGE_FILE_MISSING") return undefined;
      throw error;
    }
  };

  return {
    kind: "ext",
    list,
    look,
    async readLink(path, signal) {
      const whole = imagePath(path);
      const size = (await look(whole, signal))?.size ?? 0;
      if (size > FAST_LINK_BYTES) return await text(catFile(place, whole, signal));
      const [facts = ""] = await debugfs(place, [`stat ${quoted(whole)}`], false, signal);
      const bytes = Buffer.from(facts.slice(facts.indexOf(FAST_LINK) + FAST_LINK.length));
      return bytes.subarray(0, size).toString("utf8");
    },
    read: (path, signal) => catFile(place, imagePath(path), signal),
    async change(changes, signal) {
      const commands = await changeCommands(changes, (folder) => list(folder, signal), place);
      if (commands.length > 0) await debugfs(place, commands, true, signal);
    },
    repair: (signal) => e2fsck(place, "-p", signal),
    check: (signal) => e2fsck(place, "-fn", signal),
  };
}

function explained(error: unknown, { path: image }: Place, path: string): AgentError | undefined {
  if (!(error instanceof AgentError) || error.code !== "IMAGE_TOOL_FAILED") return undefined;
  const said = String(error.detail["stderr"]);
  if (MISSING.test(said)) return new AgentError("IMAGE_FILE_MISSING", { image, path });
  if (NO_FOLDER.test(said)) return new AgentError("IMAGE_FILE_KIND", { image, path, expected: "folder" });
  return undefined;
}

async function text(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all).toString("utf8");
}
