import { stat } from "node:fs/promises";
import { systemClock } from "../../adapters/clock/system-clock.ts";
import { allocateBuffers } from "../../adapters/linux/aligned-buffers.ts";
import { deviceNumber, openBlockFile } from "../../adapters/linux/block-file.ts";
import { readStorage } from "../../adapters/linux/read-storage.ts";
import { findFilesystem } from "../../adapters/snapshot/find-filesystem.ts";
import { createGuardedFreezer } from "../../adapters/snapshot/guarded-freezer.ts";
import { openOutput, refuseOn } from "../../adapters/snapshot/output.ts";
import { dump } from "../core/dump/dump.ts";
import { AgentError } from "../errors/agent-error.ts";

const CHUNK_BYTES = 1024 * 1024;
const CHUNKS = 3;

export interface DumpRequest {
  /** A folder, a file, or a block device. */
  readonly source: string;
  readonly datastore: string;
  /** What goes out in place of the chunks of the device. */
  compress(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

export interface FilesystemDump {
  readonly device: string;
  /** Where it is frozen; `undefined` where nobody can write to it. */
  readonly folder: string | undefined;
  readonly sizeBytes: number;
  /** @param onRead hears of each part of the device that has been read, in bytes */
  copy(onRead: (bytes: number) => void, signal: AbortSignal): Promise<void>;
}

/**
 * What `snapshot dump` copies to standard output. Everything that it needs is loaded and open before the filesystem is
 * frozen, which may be the one that this program lies on.
 *
 * @throws {AgentError} DUMP_SOURCE, DUMP_DATASTORE, DUMP_TARGET
 */
export async function composeDump({ source, datastore, compress }: DumpRequest): Promise<FilesystemDump> {
  const { number, device, folder } = await findFilesystem(source);
  // ignored: a datastore that is not there lies nowhere.
  const data = await stat(datastore).catch(() => undefined);
  if (data !== undefined && deviceNumber(data.dev) === number) throw new AgentError("DUMP_DATASTORE", { datastore });
  refuseOn(2, number);
  const output = openOutput(1, number);
  const storage = await openBlockFile(device, true, "read").catch((cause: unknown) => {
    throw new AgentError("DUMP_SOURCE", { device }, cause);
  });
  const { sizeBytes } = storage;
  return {
    device,
    folder,
    sizeBytes,
    async copy(onRead, signal) {
      const { buffers } = allocateBuffers(CHUNKS, CHUNK_BYTES);
      async function* counted(limited: AbortSignal): AsyncGenerator<Uint8Array> {
        for await (const chunk of readStorage(storage, { bytes: sizeBytes, buffers, signal: limited })) {
          yield chunk;
          onRead(chunk.length);
        }
      }
      try {
        await dump(
          {
            folder,
            freezer: createGuardedFreezer(),
            clock: systemClock,
            chunks: (limited) => compress(counted(limited)),
            write: (chunk) => output.write(chunk),
          },
          signal,
        );
      } finally {
        output.close();
        await storage.close();
      }
    },
  };
}
