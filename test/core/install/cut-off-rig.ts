import { createCipheriv } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { systemClock } from "../../../adapters/clock/system-clock.ts";
import { createSlotDevice } from "../../../adapters/device/slot-device.ts";
import { openBlockFile } from "../../../adapters/linux/block-file.ts";
import { createRootfsImageHandler } from "../../../adapters/payload/rootfs-image/handler.ts";
import { Random } from "../../../qemu/harness/random.ts";
import type { Compression } from "../../../src/artifact/model.ts";
import type { ArtifactRecord } from "../../../src/core/deployment/snapshot.ts";
import type { DownloadRecord } from "../../../src/core/install/download-record.ts";
import { openDownloaded, reopenDownloaded } from "../../../src/core/install/downloaded-artifact.ts";
import { type KeepOptions, openForInstall } from "../../../src/core/install/open-artifact.ts";
import type { Bootloader } from "../../../src/ports/bootloader.ts";
import type { PayloadStream } from "../../../src/ports/payload-handler.ts";
import type { ByteSource } from "../../../src/util/byte-source.ts";
import { client } from "../../adapters/transport/transport-rig.ts";
import { rootfsRequest } from "../../artifact/artifact-requests.ts";
import { FileServer } from "../../support/file-server.ts";
import { MEMORY_FOLDER } from "../../support/test-board.ts";
import { writeArtifact } from "../../support/write-artifact.ts";

const MIB = 1024 * 1024;
export const IMAGE_BYTES = 8 * MIB;
/** Slow enough that checkpoints fall between any two cuts. */
const BYTES_PER_SECOND = 40 * MIB;

export type Ran = { readonly outcome: "cut off" } | { readonly outcome: "done"; readonly written: number };

/**
 * A device that downloads an image into a slot, and loses power: only the slot and the last saved record survive a run.
 */
export class CutOffRig {
  readonly image: Buffer;
  readonly slot: string;
  readonly server: FileServer;
  readonly log: string[] = [];
  record: DownloadRecord | undefined;
  /** Additional time for each write to the slot. */
  writeMs = 0;
  /** The most of the image that the handler had read since the checkpoint that was saved last. */
  farthestBytes = 0;
  #artifact: ArtifactRecord | undefined;
  readonly #folder: string;

  static async make(
    compression: Compression,
    seed = 1,
    image = randomImage(seed),
    bytesPerSecond = BYTES_PER_SECOND,
  ): Promise<CutOffRig> {
    const folder = await mkdtemp(join(MEMORY_FOLDER, "switchback-cut-off-"));
    const file = join(folder, "image");
    await writeFile(file, image);
    const path = join(folder, "release.mender");
    await writeArtifact({ ...rootfsRequest(file), compression }, path, () => undefined, new AbortController().signal);
    return CutOffRig.of(folder, image, await readFile(path), bytesPerSecond);
  }

  /** @param artifact an Artifact of another writer that contains the image */
  static async foreign(image: Buffer, artifact: Buffer): Promise<CutOffRig> {
    return CutOffRig.of(await mkdtemp(join(MEMORY_FOLDER, "switchback-cut-off-")), image, artifact);
  }

  private static async of(
    folder: string,
    image: Buffer,
    artifact: Buffer,
    bytesPerSecond = BYTES_PER_SECOND,
  ): Promise<CutOffRig> {
    await writeFile(join(folder, "slot"), Buffer.alloc(Math.max(IMAGE_BYTES, image.length)));
    return new CutOffRig(folder, image, await FileServer.start(artifact, { bytesPerSecond }));
  }

  private constructor(folder: string, image: Buffer, server: FileServer) {
    this.#folder = folder;
    this.image = image;
    this.server = server;
    this.slot = join(folder, "slot");
  }

  async close(): Promise<void> {
    await this.server.close();
    await rm(this.#folder, { recursive: true });
  }

  async slotHolds(image: Buffer): Promise<boolean> {
    return (await readFile(this.slot)).equals(image);
  }

  /** One life of the agent. @param cutAtByte of the image: the power fails when that much has arrived */
  async run(cutAtByte = Number.POSITIVE_INFINITY): Promise<Ran> {
    const power = new AbortController();
    const parts = {
      transport: client(),
      clock: systemClock,
      log: (level: string, message: string) => void this.log.push(`${level}: ${message}`),
      limits: { retryDownloadCount: 10, retryDownloadWaitMs: 0, slowest: { bytesPerSecond: 100, overMs: 600_000 } },
      open: (source: ByteSource, options?: KeepOptions) => openForInstall(source, { verifyKeys: [], ...options }),
      keep: async (saved: DownloadRecord) => {
        if (!power.signal.aborted) this.record = saved;
      },
    };
    const { record } = this;
    const opened =
      record === undefined || this.#artifact === undefined
        ? await openDownloaded(this.server.url, parts, power.signal)
        : await reopenDownloaded({ ...record, resumes: record.resumes + 1 }, this.#artifact, parts, power.signal);
    this.record = opened.download;
    this.#artifact = opened.record;
    const before = this.log.length;
    try {
      const payload = await opened.payloads.next();
      if (payload === undefined) throw new Error("no payload");
      const stream = watched(payload.stream, (at) => {
        this.farthestBytes = Math.max(this.farthestBytes, at - (this.record?.checkpoint?.storedBytes ?? 0));
        if (at >= cutAtByte) power.abort(new Error("power cut"));
      });
      await this.#handler(parts.log).download(stream, power.signal);
      await opened.payloads.finish();
      const said = this.log.slice(before).join("\n");
      return { outcome: "done", written: Number(/: (\d+) bytes written/.exec(said)?.[1]) };
    } catch (error) {
      if (!power.signal.aborted) throw error;
      return { outcome: "cut off" };
    } finally {
      await opened.close();
    }
  }

  #handler(log: (level: string, message: string) => void) {
    const untouched = async (): Promise<never> => {
      throw new Error("a download touches no boot loader");
    };
    const bootloader: Bootloader = {
      kind: "memory",
      booted: async () => "A",
      plan: async () => ({ slot: "A", trial: false }),
      arm: untouched,
      confirm: untouched,
      revert: untouched,
    };
    return createRootfsImageHandler({
      bootloader,
      slots: createSlotDevice({
        ...{ paths: { A: "/dev/null", B: this.slot }, booted: bootloader.booted },
        openStorage: async (...place) => {
          const file = await openBlockFile(...place);
          if (this.writeMs === 0) return file;
          return { ...file, write: (from, at) => wait(this.writeMs).then(() => file.write(from, at)) };
        },
      }),
      storedValue: { load: async () => undefined, save: async () => undefined },
      log,
      // A device on which nothing takes time, so the checkpoints are as close together as possible.
      clock: { ...systemClock, monotonicMs: () => 0 },
      verifyReadback: true,
    });
  }
}

/** The file of `stream`; reports how far it has been read. */
function watched(stream: PayloadStream, readTo: (at: number) => void): PayloadStream {
  return {
    async next() {
      const file = await stream.next();
      let at = file?.storedBytes ?? 0;
      return (
        file && {
          name: file.name,
          sizeBytes: file.sizeBytes,
          sha256: file.sha256,
          storedBytes: at,
          restore: (stored: Uint8Array) => file.restore?.(stored),
          keep: async (storedBytes: number) => file.keep?.(storedBytes),
          async read(into: Uint8Array) {
            const count = await file.read(into);
            at += count;
            readTo(at);
            return count;
          },
        }
      );
    },
  };
}

/** Incompressible. */
export const randomImage = (seed: number, bytes = IMAGE_BYTES): Buffer =>
  createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(bytes));

/**
 * Cuts the power three times at instants that `seed` chooses, and lets the fourth run end.
 *
 * @returns what each run but the first fetched, and the last checkpoint that it began with
 */
export async function cutThreeTimes(rig: CutOffRig, seed: number) {
  const random = new Random(seed);
  const runs: { checkpoint: DownloadRecord["checkpoint"]; ranges: readonly (string | undefined)[] }[] = [];
  for (let run = 0; run < 4; run++) {
    const checkpoint = rig.record?.checkpoint;
    const asked = rig.server.served.length;
    const cutAt = run === 3 ? Number.POSITIVE_INFINITY : Math.floor((run + random.below(1000) / 1000) * 2.5 * MIB);
    const { outcome } = await rig.run(Math.max(cutAt, (checkpoint?.storedBytes ?? 0) + 1));
    if ((outcome === "done") !== (run === 3)) throw new Error(`seed ${seed}, run ${run}: ${outcome}`);
    if (run > 0) runs.push({ checkpoint, ranges: rig.server.served.slice(asked).map(({ range }) => range) });
  }
  return runs;
}

/** The bytes that the runs must have requested: the head, and everything after the checkpoint. */
export function rangesOf(rig: CutOffRig, checkpoint: DownloadRecord["checkpoint"]): readonly (string | undefined)[] {
  if (checkpoint === undefined) return [undefined];
  const last = rig.server.content.length - 1;
  return [`bytes=0-${checkpoint.headBytes - 1}`, `bytes=${checkpoint.artifactByte}-${last}`];
}
