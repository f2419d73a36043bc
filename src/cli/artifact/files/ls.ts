import type { ImageEntry } from "../../../../image/files/image-files.ts";
import { follow } from "../../../../image/files/trees.ts";
import type { CliIo } from "../../../agent/io.ts";
import { AgentError } from "../../../errors/agent-error.ts";
import { jsonLine } from "../../one-line.ts";
import { neededTarget } from "./image-target.ts";
import { readImage } from "./open-image.ts";

export interface ListOptions {
  readonly long?: true;
  readonly json?: true;
}

interface Listed extends ImageEntry {
  readonly target?: string;
}

/** Lists a folder of an image, or shows one file. */
export async function ls(argument: string, options: ListOptions, io: CliIo): Promise<void> {
  const target = neededTarget(argument);
  const entries = await readImage(target, { progress: true }, io, async (files, path): Promise<Listed[]> => {
    const found = await follow(files, path, io.signal);
    if (found === undefined) throw new AgentError("IMAGE_FILE_MISSING", { image: target.image, path: target.path });
    if (found.entry.kind !== "folder") return [{ ...found.entry, name: target.path }];
    const listed: Listed[] = [];
    for (const entry of await files.list(found.path, io.signal)) {
      const isLink = entry.kind === "link" && (options.long === true || options.json === true);
      const link = isLink ? { target: await files.readLink(`${found.path}/${entry.name}`, io.signal) } : {};
      listed.push({ ...entry, ...link });
    }
    return listed.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  });
  if (options.json === true) {
    io.out(jsonLine({ entries: entries.map((entry) => ({ ...entry, mode: octal(entry.mode) })) }));
  } else for (const entry of entries) io.out(options.long === true ? longLine(entry) : entry.name);
}

const octal = (mode: number): string => mode.toString(8).padStart(4, "0");

const TYPES: Readonly<Record<ImageEntry["kind"], string>> = { file: "-", folder: "d", link: "l", other: "?" };

function longLine({ kind, mode, uid, gid, size, name, target }: Listed): string {
  const owner = `${uid}:${gid}`.padEnd(11);
  const arrow = target === undefined ? "" : ` -> ${target}`;
  return `${TYPES[kind]} ${octal(mode)} ${owner} ${String(size).padStart(10)} ${name}${arrow}`;
}
