import { open } from "node:fs/promises";
import { AgentError } from "../../src/errors/agent-error.ts";

export type Packing = "gzip" | "xz" | "zstd";

interface Signature {
  readonly kind: Packing | "Artifact" | "Android sparse image" | "qcow2 image" | "zip archive" | "7z archive";
  readonly at: number;
  /** In Latin-1. */
  readonly bytes: string;
}

const SIGNATURES: readonly Signature[] = [
  { kind: "gzip", at: 0, bytes: "\x1f\x8b" },
  { kind: "xz", at: 0, bytes: "\xfd7zXZ\0" },
  { kind: "zstd", at: 0, bytes: "\x28\xb5\x2f\xfd" },
  { kind: "Android sparse image", at: 0, bytes: "\x3a\xff\x26\xed" },
  { kind: "qcow2 image", at: 0, bytes: "QFI\xfb" },
  { kind: "zip archive", at: 0, bytes: "PK\x03\x04" },
  { kind: "7z archive", at: 0, bytes: "7z\xbc\xaf" },
];
/** An Artifact is a tar archive whose first member is `version`. */
const TAR = { name: "version\0", magic: "ustar", magicAt: 257 };

/** How to turn other containers into an image. */
const REMEDIES: Readonly<Record<string, string>> = {
  "Android sparse image": "simg2img IN OUT",
  "qcow2 image": "qemu-img convert -O raw IN OUT",
  "zip archive": "unzip IN",
  "7z archive": "7z x IN",
};

/**
 * Looks at the first bytes of a file.
 *
 * @returns how the image is compressed; `undefined` if it is not
 * @throws {AgentError} IMAGE_UNREADABLE, IMAGE_IS_ARTIFACT, IMAGE_KIND
 */
export async function packingOf(path: string): Promise<Packing | undefined> {
  const text = (await headOf(path)).toString("latin1");
  if (text.startsWith(TAR.name) && text.startsWith(TAR.magic, TAR.magicAt)) {
    throw new AgentError("IMAGE_IS_ARTIFACT", { path });
  }
  const kind = SIGNATURES.find(({ at, bytes }) => text.startsWith(bytes, at))?.kind;
  if (kind === undefined || kind === "gzip" || kind === "xz" || kind === "zstd") return kind;
  throw new AgentError("IMAGE_KIND", { path, found: kind, convert: REMEDIES[kind] ?? "" });
}

async function headOf(path: string): Promise<Buffer> {
  try {
    const file = await open(path);
    try {
      if (!(await file.stat()).isFile()) throw new Error("not a regular file");
      const head = Buffer.alloc(512);
      await file.read(head, 0, head.length, 0);
      return head;
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new AgentError("IMAGE_UNREADABLE", { path }, cause);
  }
}
