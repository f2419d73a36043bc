import type { Hash } from "node:crypto";
import type { OutputFile } from "../ports/files.ts";
import { tarHeader, tarPadding } from "./tar-writer.ts";

/** Mode of every member of the outer tar. */
export const MEMBER_MODE = 0o600;
const HEADER_BLOCK_BYTES = 512;

/**
 * Appends a member of unknown size. The size precedes the content but is known only after it: the header block is
 * patched at the end.
 */
export async function appendMember(
  output: OutputFile,
  name: string,
  content: AsyncIterable<Uint8Array>,
  hash?: Hash,
): Promise<void> {
  const start = output.sizeBytes;
  await output.write(new Uint8Array(HEADER_BLOCK_BYTES));
  for await (const chunk of content) {
    hash?.update(chunk);
    await output.write(chunk);
  }
  const sizeBytes = output.sizeBytes - start - HEADER_BLOCK_BYTES;
  await output.write(tarPadding(sizeBytes));
  await output.patch(tarHeader({ name, mode: MEMBER_MODE, sizeBytes }), start);
}
