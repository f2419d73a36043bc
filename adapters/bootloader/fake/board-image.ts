import { createCipheriv, createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { boardIo } from "./board-io.ts";

/** The behaviour of the system in a board image when it starts. */
export type BoardImageBoots = "yes" | "hangs" | "panics";
export const BOARD_IMAGE_BOOTS: readonly BoardImageBoots[] = ["yes", "hangs", "panics"];

/** The content of a slot, as the firmware finds it. */
export type SlotContent =
  | { readonly kind: "complete"; readonly version: string; readonly boots: BoardImageBoots; readonly sizeBytes: number }
  /** The slot begins like a board image, but the rest does not match the header. */
  | { readonly kind: "torn"; readonly version: string }
  | { readonly kind: "nothing" };

const MAGIC = "SWITCHBACK-BOARD-IMAGE 1 ";
/** The header is one line, padded with spaces so that its length is independent of its content. */
const HEADER_BYTES = 512;
const BLOCK_BYTES = 64 * 1024;
const BLOCKS_AT_ONCE = 64;
const READ_BYTES = 1024 * 1024;
/** Read buffers that no slot uses now. New ones for each slot would keep the garbage collector busy. */
const idleBuffers: Buffer[] = [];

/**
 * Generates a stand-in for a root file system: a header line, and filler that depends only on the version and the size.
 * Three of four blocks are identical in all versions, like most files of a real system.
 *
 * @param sizeBytes size of the whole image
 * @throws {AgentError} BOARD_IMAGE if the version does not fit into the header, or the header into the image; the
 * signal's reason
 */
export async function* boardImage(
  version: string,
  sizeBytes: number,
  boots: BoardImageBoots,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < HEADER_BYTES || !/^[!-~]{1,128}$/.test(version)) {
    throw new AgentError("BOARD_IMAGE", { sizeBytes, version });
  }
  const hash = createHash("sha256");
  let blocks = 0;
  for (const block of filler(version, sizeBytes - HEADER_BYTES)) {
    hash.update(block);
    blocks += 1;
    // Lets Node deliver signals in between.
    if (blocks % BLOCKS_AT_ONCE === 0) await setImmediate(undefined, signal === undefined ? {} : { signal });
  }
  const facts = { version, boots, sizeBytes, sha256: hash.digest("hex") };
  yield Buffer.from(`${`${MAGIC}${JSON.stringify(facts)}`.padEnd(HEADER_BYTES - 1)}\n`);
  yield* filler(version, sizeBytes - HEADER_BYTES);
}

function* filler(version: string, sizeBytes: number): Generator<Uint8Array> {
  for (let at = 0, index = 0; at < sizeBytes; at += BLOCK_BYTES, index += 1) {
    const owner = index % 4 === 0 ? version : "common";
    const key = createHash("sha256").update(`${owner}\0${index}`).digest().subarray(0, 16);
    const block = Buffer.alloc(BLOCK_BYTES);
    // A quarter looks random and the rest is zero, so it compresses about as well as programs do.
    createCipheriv("aes-128-ctr", key, Buffer.alloc(16))
      .update(block.subarray(0, BLOCK_BYTES / 4))
      .copy(block);
    yield block.subarray(0, Math.min(BLOCK_BYTES, sizeBytes - at));
  }
}

/**
 * Reads a slot as the firmware does: the header, and every byte that its checksum covers.
 *
 * @throws {AgentError} BOARD_IO
 */
export async function inspectSlot(path: string): Promise<SlotContent> {
  return boardIo(path, async () => {
    const file = await open(path, "r");
    try {
      return await inspectOpen(file);
    } finally {
      await file.close();
    }
  });
}

async function inspectOpen(file: FileHandle): Promise<SlotContent> {
  const header = Buffer.alloc(HEADER_BYTES);
  const { bytesRead } = await file.read(header, 0, HEADER_BYTES, 0);
  const facts = parseHeader(header.toString("utf8", 0, bytesRead));
  if (facts === undefined) return { kind: "nothing" };
  const { version, boots, sizeBytes } = facts;
  const buffer = idleBuffers.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES);
  const sha256 = await hashOf(file, sizeBytes, buffer);
  idleBuffers.push(buffer);
  if (sha256 !== facts.sha256) return { kind: "torn", version };
  return { kind: "complete", version, boots, sizeBytes };
}

/** @returns SHA-256 of what follows the header, read through `buffer` */
async function hashOf(file: FileHandle, sizeBytes: number, buffer: Buffer): Promise<string> {
  const hash = createHash("sha256");
  let at = HEADER_BYTES;
  while (at < sizeBytes) {
    const wanted = Math.min(buffer.length, sizeBytes - at);
    const read = (await file.read(buffer, 0, wanted, at)).bytesRead;
    if (read === 0) break;
    hash.update(buffer.subarray(0, read));
    at += read;
  }
  return hash.digest("hex");
}

interface HeaderFacts {
  readonly version: string;
  readonly boots: BoardImageBoots;
  readonly sizeBytes: number;
  readonly sha256: string;
}

function parseHeader(text: string): HeaderFacts | undefined {
  if (text.length < HEADER_BYTES || !text.startsWith(MAGIC) || !text.endsWith("\n")) return undefined;
  let facts: unknown;
  try {
    facts = JSON.parse(text.slice(MAGIC.length));
  } catch {
    // ignored: without a JSON header this is not a board image, which is an ordinary result here.
    return undefined;
  }
  return isHeader(facts) ? facts : undefined;
}

function isHeader(facts: unknown): facts is HeaderFacts {
  if (typeof facts !== "object" || facts === null) return false;
  if (!("version" in facts && "boots" in facts && "sizeBytes" in facts && "sha256" in facts)) return false;
  return (
    typeof facts.version === "string" &&
    BOARD_IMAGE_BOOTS.some((boots) => boots === facts.boots) &&
    Number.isSafeInteger(facts.sizeBytes) &&
    Number(facts.sizeBytes) >= HEADER_BYTES &&
    typeof facts.sha256 === "string"
  );
}
