import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

/** A member of a tar, with any oddity that a test needs. */
export interface TarEntry {
  readonly name: string;
  readonly content?: string | Uint8Array;
  /** Typeflag; "0" unless given. */
  readonly type?: string;
  /** Bytes of the size field, e.g. base 256; the content's length in octal unless given. */
  readonly sizeField?: string | Uint8Array;
  /** Last change of the header block, before its checksum is made. */
  readonly change?: (block: Buffer) => void;
}

export const ZERO_BLOCKS = Buffer.alloc(1024);

export function tar(entries: readonly TarEntry[], end: Uint8Array = ZERO_BLOCKS): Buffer {
  return Buffer.concat([...entries.flatMap(tarEntry), end]);
}

function tarEntry({ name, content = "", type = "0", sizeField, change }: TarEntry): Buffer[] {
  const bytes = Buffer.from(content);
  const block = Buffer.alloc(512);
  block.write(name, 0, 100, "latin1");
  block.write("0000600\0" + "0000000\0" + "0000000\0", 100, "latin1");
  block.set(Buffer.from(sizeField ?? `${bytes.length.toString(8).padStart(11, "0")}\0`), 124);
  block.write("00000000000\0" + "        " + type, 136, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  change?.(block);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return [block, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
}

/** The PAX header that overrides fields of the entry after it. */
export function pax(fields: Readonly<Record<string, string>>, type = "x"): TarEntry {
  const records = Object.entries(fields).map(([key, value]) => paxRecord(` ${key}=${value}\n`));
  return { name: "PaxHeaders.0/x", type, content: records.join("") };
}

function paxRecord(rest: string): string {
  const digits = String(rest.length + String(rest.length).length).length;
  return `${rest.length + digits}${rest}`;
}

export function gnuLongName(name: string): TarEntry {
  return { name: "././@LongLink", type: "L", content: `${name}\0` };
}

export const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");

/** The parts of an Artifact. A test can replace each part, and the checksums are computed to match. */
export interface ArtifactParts {
  readonly version?: string;
  readonly headerInfo?: unknown;
  readonly typeInfo?: unknown;
  /** Members of header.tar; made from header-info and type-info unless given. */
  readonly header?: readonly TarEntry[];
  readonly data?: readonly TarEntry[];
  readonly gzip?: boolean;
  /** Bytes of header.tar and data/0000.tar as stored; made from the entries unless given. */
  readonly headerBytes?: Uint8Array;
  readonly dataBytes?: Uint8Array;
  /** Additional lines of the manifest. */
  readonly manifestExtra?: string;
  readonly manifest?: string;
  /** Last change of the members of the outer tar. */
  readonly members?: (usual: readonly TarEntry[]) => readonly TarEntry[];
  readonly end?: Uint8Array;
}

export const HEADER_INFO = {
  payloads: [{ type: "rootfs-image" }],
  artifact_provides: { artifact_name: "release-1" },
  artifact_depends: { device_type: ["board-a"] },
};
export const TYPE_INFO = { type: "rootfs-image", artifact_provides: { "rootfs-image.version": "release-1" } };
const VERSION = '{"format":"mender","version":3}';
export const IMAGE = Buffer.alloc(1300, "image ");

export const HEADER_INFO_ENTRY = { name: "header-info", content: JSON.stringify(HEADER_INFO) };
export const TYPE_INFO_ENTRY = { name: "headers/0000/type-info", content: JSON.stringify(TYPE_INFO) };
export const META_DATA_ENTRY = { name: "headers/0000/meta-data", content: "" };

export function artifact(parts: ArtifactParts = {}): Buffer {
  const { version = VERSION, headerInfo = HEADER_INFO, typeInfo = TYPE_INFO } = parts;
  const data: readonly TarEntry[] = parts.data ?? [{ name: "image", content: IMAGE }];
  const suffix = parts.gzip === true ? ".gz" : "";
  const pack = (bytes: Buffer): Buffer => (parts.gzip === true ? gzipSync(bytes) : bytes);
  const header = parts.header ?? [
    { name: "header-info", content: JSON.stringify(headerInfo) },
    { name: "headers/0000/type-info", content: JSON.stringify(typeInfo) },
    META_DATA_ENTRY,
  ];
  const headerBytes = parts.headerBytes ?? pack(tar(header));
  const dataBytes = parts.dataBytes ?? pack(tar(data));
  const manifest =
    parts.manifest ??
    data
      .filter(({ type = "0" }) => type === "0")
      .map(({ name, content = "" }) => `${sha256(content)}  data/0000/${name}\n`)
      .join("") +
      `${sha256(headerBytes)}  header.tar${suffix}\n${sha256(version)}  version\n${parts.manifestExtra ?? ""}`;
  const members = [
    { name: "version", content: version },
    { name: "manifest", content: manifest },
    { name: `header.tar${suffix}`, content: headerBytes },
    { name: `data/0000.tar${suffix}`, content: dataBytes },
  ];
  return tar(parts.members?.(members) ?? members, parts.end);
}
