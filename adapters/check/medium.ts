/** Files by path relative to the medium's root. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** One operation of a program on files. Paths are relative to the root. */
export type MediumAct =
  | { readonly kind: "create"; readonly path: string }
  | { readonly kind: "truncate"; readonly path: string; readonly sizeBytes: number }
  | { readonly kind: "write"; readonly path: string; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  | { readonly kind: "link"; readonly from: string; readonly to: string }
  | { readonly kind: "remove"; readonly path: string }
  | { readonly kind: "sync"; readonly path: string }
  | { readonly kind: "syncFolder"; readonly path: string }
  | { readonly kind: "syncAll" };

/** Describes an operation in words, as part of a sentence. */
export function inWords(act: MediumAct): string {
  switch (act.kind) {
    case "create":
      return `creating ${act.path}`;
    case "truncate":
      return `truncating ${act.path} to ${act.sizeBytes} bytes`;
    case "write":
      return `writing ${act.bytes.length} bytes at byte ${act.offset} of ${act.path}`;
    case "rename":
      return `renaming ${act.from} to ${act.to}`;
    case "link":
      return `linking ${act.from} to ${act.to}`;
    case "remove":
      return `removing ${act.path}`;
    case "sync":
      return `syncing ${act.path}`;
    case "syncFolder":
      return `syncing the folder ${act.path === "" ? "/" : act.path}`;
    case "syncAll":
      return "syncing everything";
  }
}

export type CutMoment = "before" | "during" | "after";

/** The content of a file: on the medium, and as programs see it. */
interface Inode {
  durable: Uint8Array;
  now: Uint8Array;
}

/**
 * A file system that guarantees as little as POSIX allows: content is durable after fsync of its file, and a name after
 * fsync of its folder, but either may become durable earlier. A new folder is durable at once.
 */
export class Medium {
  #names: Map<string, Inode>;
  #durableNames: Map<string, Inode>;

  constructor(files: Files) {
    this.#names = new Map([...files].map(([path, bytes]) => [path, { durable: bytes, now: bytes }]));
    this.#durableNames = new Map(this.#names);
  }

  /** @returns another medium with the same state */
  copy(): Medium {
    const copy = new Medium(new Map());
    const inodes = new Map<Inode, Inode>();
    const again = (names: ReadonlyMap<string, Inode>): Map<string, Inode> =>
      new Map(
        [...names].map(([path, inode]) => {
          const known = inodes.get(inode) ?? { ...inode };
          inodes.set(inode, known);
          return [path, known];
        }),
      );
    copy.#names = again(this.#names);
    copy.#durableNames = again(this.#durableNames);
    return copy;
  }

  /** The files as programs see them. A power cut leaves this state if by chance everything was written. */
  get seen(): Files {
    return contents(this.#names, ({ now }) => now);
  }

  /** The files that are durable. */
  get safe(): Files {
    return contents(this.#durableNames, ({ durable }) => durable);
  }

  /**
   * The files after a power cut at `act`: `before` it, with everything lost that was not synced; `during` it, with
   * names that reached the medium before contents, and half of a write; `after` it, with everything written.
   */
  cut(act: MediumAct, moment: CutMoment): Files {
    if (moment === "before") return this.safe;
    const torn = moment === "during" && act.kind === "write" ? this.#names.get(act.path) : undefined;
    const tornContent = torn && act.kind === "write" ? patch(torn.durable, act.offset, half(act.bytes)) : undefined;
    this.apply(act);
    if (moment === "after") return this.seen;
    return contents(this.#names, (inode) => (inode === torn && tornContent ? tornContent : inode.durable));
  }

  apply(act: MediumAct): void {
    switch (act.kind) {
      case "create":
        this.#names.set(act.path, { durable: new Uint8Array(), now: new Uint8Array() });
        break;
      case "truncate": {
        const inode = this.#at(act.path);
        const resized = new Uint8Array(act.sizeBytes);
        resized.set(inode.now.subarray(0, act.sizeBytes));
        inode.now = resized;
        break;
      }
      case "write": {
        const inode = this.#at(act.path);
        inode.now = patch(inode.now, act.offset, act.bytes);
        break;
      }
      case "rename":
        this.#names.set(act.to, this.#at(act.from));
        this.#names.delete(act.from);
        break;
      case "link":
        this.#names.set(act.to, this.#at(act.from));
        break;
      case "remove":
        this.#names.delete(act.path);
        break;
      case "sync": {
        const inode = this.#at(act.path);
        inode.durable = inode.now;
        break;
      }
      case "syncFolder":
        for (const path of new Set([...this.#names.keys(), ...this.#durableNames.keys()])) {
          if (folderOf(path) === act.path) this.#keepName(path);
        }
        break;
      case "syncAll":
        for (const inode of this.#names.values()) inode.durable = inode.now;
        this.#durableNames = new Map(this.#names);
        break;
    }
  }

  #at(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw new Error(`the adapter changes ${path}, which does not exist`);
    return inode;
  }

  #keepName(path: string): void {
    const inode = this.#names.get(path);
    if (inode === undefined) this.#durableNames.delete(path);
    else this.#durableNames.set(path, inode);
  }
}

/** `""` for a file in the root. */
const folderOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf("/"), 0));

const half = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, bytes.length / 2);

const contents = (names: ReadonlyMap<string, Inode>, of: (inode: Inode) => Uint8Array): Files =>
  new Map([...names].map(([path, inode]) => [path, of(inode)]));

function patch(content: Uint8Array, offset: number, bytes: Uint8Array): Uint8Array {
  const patched = new Uint8Array(Math.max(content.length, offset + bytes.length));
  patched.set(content);
  patched.set(bytes, offset);
  return patched;
}
