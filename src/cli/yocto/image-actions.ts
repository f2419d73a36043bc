import { sizeOf } from "../../../image/yocto/file-size.ts";
import { makeDataImage } from "../../../image/yocto/make-data-image.ts";
import { diskWarnings, makeDisk } from "../../../image/yocto/make-disk.ts";
import { readVariables } from "../../../image/yocto/read-variables.ts";
import { settingsOf } from "../../../image/yocto/settings.ts";
import type { CliIo } from "../../agent/io.ts";
import { jsonLine } from "../one-line.ts";
import { createProgress, NO_PROGRESS } from "../progress.ts";
import { type DiskKind, epochOf, labelOf, readGiven } from "./given.ts";

interface ImageOptions {
  readonly variables: string;
  readonly output: string;
  readonly dataContent?: string;
  readonly bootstrap?: string;
  readonly progress: boolean;
  readonly json?: true;
}

interface DiskOptions extends ImageOptions {
  readonly kind: DiskKind;
  readonly rootfs: string;
  readonly bootFiles?: string;
  readonly bootloader?: string;
  readonly environment?: string;
}

/** @throws {AgentError} the codes of `makeDisk` */
export async function disk(options: DiskOptions, io: CliIo): Promise<void> {
  const { kind, rootfs, output, dataContent: data, bootFiles: boot, bootloader, environment } = options;
  const settings = settingsOf(readVariables(options.variables));
  const warnings = diskWarnings(settings, boot, environment !== undefined);
  const bar = options.progress && options.json !== true;
  const progress = bar ? createProgress(io, "writing", await sizeOf(rootfs)) : NO_PROGRESS;
  const { sizeBytes, layout } = await makeDisk(settings, labelOf(kind), {
    ...{ rootfs, output, data, boot, bootloader },
    bootstrap: bootstrapOf(options),
    initial: environment === undefined ? undefined : readGiven(environment).toString("utf8"),
    time: epochOf(io.env["SOURCE_DATE_EPOCH"]),
    onWrite: progress.advance,
    signal: io.signal,
  }).finally(progress.done);
  const partitions = layout?.partitions.map(({ number, role, startBytes: start, size }) => ({
    number,
    role,
    start,
    size,
  }));
  if (options.json === true) {
    io.out(jsonLine({ path: output, size: sizeBytes, table: layout?.label, partitions, warnings }));
    return;
  }
  for (const warning of warnings) io.out(`WARNING: ${warning}`);
  io.out(`Image written to ${output} (${sizeBytes} bytes)`);
}

/** @throws {AgentError} the codes of `makeDataImage` */
export async function dataImage(options: ImageOptions, io: CliIo): Promise<void> {
  const { output, dataContent: data } = options;
  const time = epochOf(io.env["SOURCE_DATE_EPOCH"]);
  const settings = settingsOf(readVariables(options.variables));
  const sizeBytes = await makeDataImage(settings, { output, data, time, bootstrap: bootstrapOf(options) });
  if (options.json === true) io.out(jsonLine({ path: output, size: sizeBytes }));
  else io.out(`Image written to ${output} (${sizeBytes} bytes)`);
}

const bootstrapOf = ({ bootstrap }: ImageOptions): Uint8Array | undefined =>
  bootstrap === undefined ? undefined : readGiven(bootstrap);
