import { createHash } from "node:crypto";
import { AgentError } from "../errors/agent-error.ts";
import type { PayloadFile, PayloadStream } from "../ports/payload-handler.ts";

/** Smaller than the buffer of a pipe, so that a reader needs several reads. */
const CHUNK_BYTES = 30_000;

/** A payload with one file. A damaged payload fails its checksum at the end, as in an Artifact. */
export function samplePayload(content: Uint8Array, state: "good" | "damaged" = "good"): PayloadStream {
  const sha256 = createHash("sha256").update(content).digest("hex");
  let at = 0;
  const file: PayloadFile = {
    name: "payload.bin",
    sizeBytes: content.length,
    sha256,
    read(into) {
      const piece = content.subarray(at, at + Math.min(into.length, CHUNK_BYTES));
      if (piece.length === 0 && state === "damaged") throw new AgentError("ARTIFACT_CHECKSUM", { file: "payload.bin" });
      into.set(piece);
      at += piece.length;
      return piece.length;
    },
  };
  const files = [file];
  return { next: async () => files.shift() };
}
