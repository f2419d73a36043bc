import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { z } from "zod";
import type { LogReport } from "../../../../src/protocol/api/devices.ts";

const KEPT_BYTES = 1024 * 1024;

export interface PackedLog {
  /** JSON of the messages, compressed with gzip. */
  readonly messages: Buffer;
  readonly truncated: boolean;
}

/** Keeps the end of a log that is too long: what went wrong is there. */
export async function packLog(messages: z.infer<typeof LogReport>["messages"]): Promise<PackedLog> {
  const kept: string[] = [];
  let bytes = 0;
  for (const message of messages.toReversed()) {
    const text = JSON.stringify(message);
    bytes += Buffer.byteLength(text) + 1;
    if (bytes > KEPT_BYTES) break;
    kept.push(text);
  }
  const packed = await promisify(gzip)(`[${kept.reverse().join(",")}]`);
  return { messages: packed, truncated: kept.length < messages.length };
}
