import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { type FilterProgram, throughProgram } from "./filter-program.ts";

/** The frame tells its content's length, as those of the runtime do: a reader can then find its way by frames. */
const program = (sizeBytes: number, level: number): FilterProgram => ({
  argv: ["zstd", "--quiet", `-${level}`, `--stream-size=${sizeBytes}`, "--stdout"],
  package: "zstd",
});
/** Node 22.15 and later; unknown to the types of Node 20. */
type ZstdCompress = (piece: Uint8Array, options: object, done: (error: Error | null, frame: Buffer) => void) => void;

/** One zstd frame with a content checksum: by the runtime where it has zstd, else by the `zstd` program. */
export async function zstdFrame(piece: Uint8Array, level: number, signal: AbortSignal): Promise<Buffer> {
  const compress: unknown = Reflect.get(zlib, "zstdCompress");
  if (typeof compress !== "function") return await frameByProgram(piece, level, signal);
  const params = Object.fromEntries(
    [
      ["ZSTD_c_checksumFlag", 1],
      ["ZSTD_c_compressionLevel", level],
    ].map(([name, value]) => [Reflect.get(zlib.constants, String(name)), value]),
  );
  return await promisify(compress as ZstdCompress)(piece, { params });
}

async function frameByProgram(piece: Uint8Array, level: number, signal: AbortSignal): Promise<Buffer> {
  const frame: Uint8Array[] = [];
  for await (const chunk of throughProgram(program(piece.length, level), [piece], signal)) frame.push(chunk);
  return Buffer.concat(frame);
}
