import { AgentError } from "../../src/errors/agent-error.ts";
import { quoted, quotedFolder } from "./debugfs.ts";
import type { Attributes, ImageChange, ImageEntry } from "./image-files.ts";
import { imagePath, splitPath } from "./image-path.ts";
import type { Place } from "./place.ts";

type Kind = ImageEntry["kind"];
type Kinds = Map<string, Kind>;

const FILE_BITS = 0o100000;
const FOLDER_BITS = 0o040000;

/**
 * The commands of debugfs for `changes`. What is wrong with them is found here, because debugfs does not say which
 * command failed.
 *
 * @param list the entries of a folder of the file system
 * @throws {AgentError} IMAGE_PATH, IMAGE_FILE_MISSING, IMAGE_FILE_KIND
 */
export async function changeCommands(
  changes: readonly ImageChange[],
  list: (folder: string) => Promise<readonly ImageEntry[]>,
  { path: image }: Place,
): Promise<readonly string[]> {
  const folders = new Map<string, Kinds>();
  const kindsIn = async (folder: string): Promise<Kinds> => {
    const known = folders.get(folder) ?? new Map((await list(folder)).map(({ name, kind }) => [name, kind] as const));
    folders.set(folder, known);
    return known;
  };
  const commands: string[] = [];
  for (const change of changes) {
    const { folder, name } = splitPath(change.path);
    const place = { image, path: imagePath(change.path) };
    if (name === "") throw new AgentError("IMAGE_FILE_KIND", { ...place, reason: "the root folder" });
    const kinds = await kindsIn(folder);
    const found = kinds.get(name);
    // debugfs takes the last name of these commands literally only in the current folder.
    commands.push(`cd ${quotedFolder(folder)}`, ...commandsFor(change, name, found, place));
    if (change.act === "remove") kinds.delete(name);
    else kinds.set(name, change.act === "write" ? "file" : change.act);
    if (change.act === "folder" && found === undefined) folders.set(place.path, new Map());
  }
  return commands;
}

function commandsFor(
  change: ImageChange,
  name: string,
  found: Kind | undefined,
  place: { readonly image: string; readonly path: string },
): readonly string[] {
  const file = quoted(name);
  if (change.act === "remove") {
    if (found === undefined) throw new AgentError("IMAGE_FILE_MISSING", place);
    return [found === "folder" ? `rmdir ${file}` : `rm ${file}`];
  }
  if (change.act === "folder") {
    if (found === "folder") return [];
    if (found !== undefined) throw new AgentError("IMAGE_FILE_KIND", { ...place, found, expected: "folder" });
    return [`mkdir ${file}`, ...attributes(place.path, FOLDER_BITS, change)];
  }
  if (found === "folder") throw new AgentError("IMAGE_FILE_KIND", { ...place, found, expected: "file" });
  const removal = found === undefined ? [] : [`rm ${file}`];
  if (change.act === "link") return [...removal, `symlink ${file} ${quoted(oneLine(change.target))}`];
  return [...removal, `write ${quoted(oneLine(change.from))} ${file}`, ...attributes(place.path, FILE_BITS, change)];
}

const attributes = (path: string, type: number, { mode, uid, gid }: Attributes): readonly string[] =>
  [`mode 0${(type | mode).toString(8)}`, `uid ${uid}`, `gid ${gid}`].map((field) => `sif ${quoted(path)} ${field}`);

/** @throws {AgentError} IMAGE_PATH */
function oneLine(text: string): string {
  if (/[\n\r\0]/.test(text)) throw new AgentError("IMAGE_PATH", { path: text, reason: "a line break" });
  return text;
}
