/** One line of /proc/self/mountinfo. */
export interface Mount {
  /** `major:minor` of the file system, equal to `st_dev` of its files; major 0 means that it has no device. */
  readonly number: string;
  readonly folder: string;
  readonly type: string;
  /** Device, volume, or any other word that was given at the mount. */
  readonly source: string;
  /** Options of this mount only, such as `noexec`. */
  readonly flags: string;
  /** Options of the file system, with the kernel's escapes: an escaped comma must not separate options. */
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

/** The visible mount on `/`. Later mounts hide earlier ones, such as the one from early user space. */
export function rootMount(mounts: readonly Mount[]): Mount | undefined {
  return mounts.findLast((mount) => mount.folder === "/");
}

/** Folders below an overlay, the topmost first, with their names at mount time; empty for other file systems. */
export function lowerFolders({ type, options }: Mount): readonly string[] {
  if (type !== "overlay") return [];
  return options.split(",").flatMap((option) => {
    const [, list] = /^lowerdir\+?=(.*)$/.exec(option) ?? [];
    // A backslash precedes a colon in a folder's name.
    return list === undefined
      ? []
      : withoutEscapes(list)
          .split(/(?<!\\):+/)
          .map((folder) => folder.replaceAll("\\:", ":"));
  });
}

/** The writable folder of an overlay, with its name at mount time. */
export function upperFolder({ type, options }: Mount): string | undefined {
  const [, folder] = (type === "overlay" && /(?:^|,)upperdir=([^,]*)/.exec(options)) || [];
  return folder === undefined ? undefined : withoutEscapes(folder);
}

/** The kernel writes a space in a name as `\040`. */
function withoutEscapes(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
