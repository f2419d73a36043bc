import { pipeline } from "node:stream";
import { createGzip } from "node:zlib";
import { composeDump } from "../../agent/dump.ts";
import type { CliIo } from "../../agent/io.ts";
import { createLogger } from "../../agent/logging.ts";
import type { GlobalOptions } from "../../agent/options.ts";
import { resolvePaths } from "../../config/paths.ts";
import { createProgress, NO_PROGRESS } from "../progress.ts";

export type SnapshotCompression = "none" | "gzip";

export interface DumpOptions {
  readonly source: string;
  readonly compression: SnapshotCompression;
  readonly quiet?: true;
}

/** Runs `snapshot dump`. It writes only the image to stdout, even if it fails. */
export async function dumpSnapshot(
  global: GlobalOptions,
  { source, compression, quiet }: DumpOptions,
  io: CliIo,
): Promise<void> {
  const log = createLogger(io, global, quiet === true ? "error" : undefined);
  const { datastore } = resolvePaths(global, io.env);
  const snapshot = await composeDump({ source, datastore, compress: COMPRESSIONS[compression] });
  const { device, folder, sizeBytes } = snapshot;
  log(
    "info",
    folder === undefined
      ? `Copying ${device}, which no program can write to`
      : `Copying ${device}, frozen at ${folder}`,
  );
  const progress = quiet === true ? NO_PROGRESS : createProgress(io, device, sizeBytes);
  try {
    await snapshot.copy((bytes) => progress.advance(bytes), io.signal);
  } finally {
    progress.done();
  }
}

const COMPRESSIONS = {
  none: (chunks) => chunks,
  async *gzip(chunks) {
    const gzip = createGzip();
    // A stream may keep a chunk after the reader has reused its buffer.
    const copies = async function* (): AsyncGenerator<Buffer> {
      for await (const chunk of chunks) yield Buffer.from(chunk);
    };
    pipeline(copies, gzip, () => {
      // ignored: the reader of `gzip` receives the failure.
    });
    yield* gzip;
  },
} satisfies Record<SnapshotCompression, (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>>;
