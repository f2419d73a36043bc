import { pack } from "tar-stream";

const BLOCK = 512;
/** Two zero blocks: the end of every tar in an Artifact. As with mender-artifact, no padding to a record follows. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK);
/** The same for each member, so that no data of the build machine enters an Artifact. */
const FIXED = { uid: 0, gid: 0, uname: "", gname: "", mtime: new Date(0) } as const;

export interface TarEntry {
  readonly name: string;
  readonly mode: number;
  readonly sizeBytes: number;
  /** Yields exactly `sizeBytes` bytes. */
  readonly content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** A whole tar of plain files, as a stream of chunks of any size. */
export async function* tarOf(entries: readonly TarEntry[]): AsyncGenerator<Uint8Array> {
  for (const entry of entries) yield* tarEntry(entry);
  yield TAR_END;
}

/** Header, content and padding of one plain file. */
export async function* tarEntry(entry: TarEntry): AsyncGenerator<Uint8Array> {
  yield await tarHeader(entry);
  yield* entry.content;
  yield tarPadding(entry.sizeBytes);
}

export function entryOf(name: string, mode: number, content: Uint8Array): TarEntry {
  return { name, mode, sizeBytes: content.length, content: [content] };
}

/**
 * The header block of a plain file. One block suffices: all names are short, and a size over 8 GiB is stored base-256.
 */
export async function tarHeader(entry: Pick<TarEntry, "name" | "mode" | "sizeBytes">): Promise<Uint8Array> {
  const packer = pack();
  // Without content the entry never ends. Destroying the packer ends it with an error that has no meaning here.
  packer.entry({ ...FIXED, name: entry.name, mode: entry.mode, size: entry.sizeBytes }).on("error", () => undefined);
  for await (const block of packer) if (block instanceof Uint8Array) return block;
  throw new TypeError(`tar-stream made no header for ${entry.name}`);
}

export function tarPadding(sizeBytes: number): Uint8Array {
  return new Uint8Array((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
}
