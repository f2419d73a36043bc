import type { ByteSource } from "../../util/byte-source.ts";
import { childSource } from "./child-source.ts";

/** Unpacks zstd with the program of that name. */
export function zstdSource(source: ByteSource): ByteSource {
  return childSource(source, "zstd");
}
