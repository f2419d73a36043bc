import { stat } from "node:fs/promises";
import { loadImageBoard } from "../../../image/board/load.ts";
import type { ImageBoard } from "../../../image/board/schema.ts";
import { type CreatedImage, createImage } from "../../../image/create.ts";
import type { Layout } from "../../../image/layout.ts";
import type { CliIo } from "../../agent/io.ts";
import { writeArtifact } from "../../artifact/writer.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { readSmallBytes } from "../../util/small-file.ts";
import { jsonLine } from "../one-line.ts";
import { createProgress, NO_PROGRESS } from "../progress.ts";

export interface CreateOptions {
  readonly rootfs: string;
  readonly output: string;
  readonly owner: "auto" | "root" | "keep";
  readonly bmap?: true;
  readonly rootfsOutput?: string;
  readonly artifactName?: string;
  readonly bootstrap?: string;
  readonly progress: boolean;
  readonly json?: true;
}

/** Runs `image create`. @throws {AgentError} BOARD_FILE_INVALID, OPTION_INVALID, and those of `createImage` */
export async function createBoardImage(file: string, options: CreateOptions, io: CliIo): Promise<void> {
  // With V8's usual limits, garbage would make up most of the memory. The space for new objects cannot be limited any
  // more when a program runs, but it can be kept from growing.
  process.getBuiltinModule("node:v8").setFlagsFromString("--semi-space-growth-factor=1 --heap-growing-percent=30");
  const board = loadImageBoard(file);
  if (options.bmap === true && board.ubi !== undefined) {
    throw new AgentError("OPTION_INVALID", { option: "--bmap", reason: "an image of UBI volumes has no block map" });
  }
  const time = epochOf(io.env["SOURCE_DATE_EPOCH"]);
  const found = await stat(options.rootfs).catch(() => undefined); // ignored: createImage reports what is wrong.
  const show = options.progress && !options.json;
  const writing = show ? createProgress(io, "writing", found?.isFile() ? found.size : undefined) : NO_PROGRESS;
  let compressing = NO_PROGRESS;
  let created: CreatedImage;
  try {
    const bootstrap = await bootstrapFor(board, options, io.signal);
    created = await createImage(board, {
      ...options,
      time,
      bootstrap,
      bmap: options.bmap === true,
      onWrite: writing.advance,
      onCompress(sizeBytes) {
        writing.done();
        if (show) compressing = createProgress(io, "compressing", sizeBytes);
        return compressing.advance;
      },
      signal: io.signal,
    });
  } finally {
    writing.done();
    compressing.done();
  }
  if (options.json === true) io.out(jsonLine(jsonOf(board, created)));
  else for (const line of linesOf(created)) io.out(line);
}

function epochOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (!/^[0-9]{1,10}$/.test(text)) {
    throw new AgentError("OPTION_INVALID", { option: "SOURCE_DATE_EPOCH", reason: "expected seconds since 1970" });
  }
  return Number(text);
}

/** The Artifact that tells a new device what it runs. */
async function bootstrapFor(
  { deviceType }: ImageBoard,
  { bootstrap, artifactName: name }: CreateOptions,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (bootstrap !== undefined) return readGiven(bootstrap);
  if (name === undefined) return undefined;
  let bytes = Buffer.alloc(0);
  const output = {
    write(chunk: Uint8Array) {
      bytes = Buffer.concat([bytes, chunk]);
      return Promise.resolve();
    },
    patch(chunk: Uint8Array, position: number) {
      bytes.set(chunk, position);
      return Promise.resolve();
    },
    get sizeBytes() {
      return bytes.length;
    },
  };
  const provides = { "rootfs-image.version": name };
  const payload = {
    kind: "empty",
    type: "",
    files: [],
    provides,
    depends: {},
    clearsProvides: ["rootfs-image.*"],
  } as const;
  const request = { name, deviceTypes: [deviceType], dependsNames: [], dependsGroups: [], scripts: [], payload };
  await writeArtifact(
    { ...request, compression: "none" },
    (fill) => {
      bytes = Buffer.alloc(0);
      return fill(output);
    },
    () => undefined,
    signal,
  );
  return bytes;
}

function readGiven(path: string): Uint8Array {
  try {
    return readSmallBytes(path);
  } catch (cause) {
    throw new AgentError("IMAGE_INPUT", { path }, cause);
  }
}

function jsonOf({ name, deviceType }: ImageBoard, { sizeBytes, layout, output, bmap, rootfsOutput }: CreatedImage) {
  return {
    path: output,
    board: name,
    device_type: deviceType,
    size: sizeBytes,
    table: layout?.label ?? "ubi",
    ...(layout && { id: layout.id, partitions: listOf(layout) }),
    ...(bmap !== undefined && { bmap }),
    ...(rootfsOutput !== undefined && { rootfs: rootfsOutput }),
  };
}

const listOf = ({ partitions }: Layout) =>
  partitions.map(({ number, role, startBytes, size, filesystem, label, node }) => ({
    number,
    role,
    offset: startBytes,
    size,
    filesystem,
    label,
    node,
  }));

function linesOf({ sizeBytes, output, bmap, rootfsOutput }: CreatedImage): readonly string[] {
  return [
    `Image written to ${output} (${sizeBytes} bytes)`,
    ...(bmap === undefined ? [] : [`Block map written to ${bmap}`]),
    ...(rootfsOutput === undefined ? [] : [`Root filesystem written to ${rootfsOutput}`]),
  ];
}
