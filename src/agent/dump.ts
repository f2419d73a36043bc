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
  /** Replaces the chunks of the device in the output. */
  compress(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

export interface FilesystemDump {
  readonly device: string;
  /** Folder on which to freeze the filesystem; `undefined` if the filesystem is not mounted writable. */
  readonly folder: string | undefined;
  readonly sizeBytes: number;
  /** @param onRead receives the size in bytes of each part of the device that was read */
  copy(onRead: (bytes: number) => void, signal: AbortSignal): Promise<void>;
}

/**
 * What `snapshot dump` copies to standard output. Loads and opens everything before it freezes the filesystem, because
 * this program may lie on that filesystem.
 *
 * @throws {AgentError} DUMP_SOURCE, DUMP_DATASTORE, DUMP_TARGET
 */
export async function composeDump({ source, datastore, compress }: DumpRequest): Promise<FilesystemDump> {
  const { number, device, folder } = await findFilesystem(source);
  // ignored: a datastore that does not exist cannot lie on the device.
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
