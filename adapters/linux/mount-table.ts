/** One line of /proc/self/mountinfo. */
export interface Mount {
  /** `major:minor` of the file system, the same as `st_dev` of its files; major 0 has no device. */
  readonly number: string;
  readonly folder: string;
  readonly type: string;
  /** Device, volume, or whatever word the one who mounted it gave. */
  readonly source: string;
  /** Options of this mount alone, such as `noexec`. */
  readonly flags: string;
  /** Those of the file system, as the kernel writes them: escapes stay, because an escaped comma separates nothing. */
  readonly options: string;
}

/** @see proc_pid_mountinfo(5) */
export function readMounts(text: string | undefined): readonly Mount[] {
  const mounts: Mount[] = [];
  for (const line of text?.split("\n") ?? []) {
    const words = line.split(" ");
    const dash = words.indexOf("-", 6);
    const [, , number, , folder, flags = ""] = words;
    const [type, source, options] = words.slice(dash + 1);
    if (dash < 0 || number === undefined || folder === undefined || type === undefined || source === undefined)
      continue;
    mounts.push({
      number,
      folder: withoutEscapes(folder),
      type,
      source: withoutEscapes(source),
      flags,
      options: options ?? "",
    });
  }
  return mounts;
}

/** What is mounted on `/` and not hidden below a later mount: early user space leaves its own there. */
export function rootMount(mounts: readonly Mount[]): Mount | undefined {
  return mounts.findLast((mount) => mount.folder === "/");
}

/** Folders below an overlay, the topmost first; none for another type. They are named as they were when it was mounted. */
export function lowerFolders({ type, options }: Mount): readonly string[] {
  if (type !== "overlay") return [];
  return options.split(",").flatMap((option) => {
    const [, list] = /^lowerdir\+?=(.*)$/.exec(option) ?? [];
    // A colon in a folder's name has a backslash before it.
    return list === undefined
      ? []
      : withoutEscapes(list)
          .split(/(?<!\\):+/)
          .map((folder) => folder.replaceAll("\\:", ":"));
  });
}

/** The kernel writes blanks in names as `\040`. */
function withoutEscapes(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
