import { open } from "node:fs/promises";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { Place } from "./place.ts";

/** Bytes at the start that tell every file system below. */
const HEAD_BYTES = 4096;

interface Signature {
  readonly kind: string;
  readonly at: number;
  readonly bytes: string;
}

/** `bytes` in Latin-1. */
const SIGNATURES: readonly Signature[] = [
  { kind: "ext", at: 1080, bytes: "\x53\xef" },
  { kind: "fat", at: 54, bytes: "FAT1" },
  { kind: "fat", at: 82, bytes: "FAT32" },
  { kind: "squashfs", at: 0, bytes: "hsqs" },
  { kind: "ubifs", at: 0, bytes: "\x31\x18\x10\x06" },
  { kind: "ubi", at: 0, bytes: "UBI#" },
  { kind: "xfs", at: 0, bytes: "XFSB" },
  { kind: "f2fs", at: 1024, bytes: "\x10\x20\xf5\xf2" },
  { kind: "erofs", at: 1024, bytes: "\xe2\xe1\xf5\xe0" },
  { kind: "swap", at: 4086, bytes: "SWAPSPACE2" },
];

/** The file system at `place`: `ext`, `fat`, or another name; `undefined` if none is known. */
export async function fileSystemAt({ path, offset, size }: Place): Promise<string | undefined> {
  const head = Buffer.alloc(HEAD_BYTES);
  const file = await open(path).catch((cause: unknown) => {
    throw new AgentError("IMAGE_UNREADABLE", { path }, cause);
  });
  try {
    await file.read(head, 0, Math.min(head.length, size), offset);
  } finally {
    await file.close();
  }
  const text = head.toString("latin1");
  return SIGNATURES.find(({ at, bytes }) => text.startsWith(bytes, at))?.kind;
}
