import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { loadImageBoard } from "../../../image/board/load.ts";
import { convertImage } from "../../../image/convert/convert-image.ts";
import type { AgentFiles } from "../../../image/convert/lay-out-system.ts";
import { outputTo } from "../../agent/files.ts";
import type { CliIo } from "../../agent/io.ts";
import type { PayloadRequest } from "../../artifact/artifact-request.ts";
import { writeArtifact } from "../../artifact/writer.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { readSmallBytes, readSmallFile } from "../../util/small-file.ts";
import { createProgress, NO_PROGRESS, type Progress } from "../progress.ts";

export interface ConvertOptions {
  readonly board: string;
  readonly output: string;
  readonly artifact?: string;
  readonly artifactName?: string;
  readonly agent?: string;
  readonly bmap?: true;
  readonly progress: boolean;
}

/** What `image convert` does. @throws {AgentError} OPTION_MISSING, BOARD_FILE_INVALID, and those of `convertImage` */
export async function convert(file: string, options: ConvertOptions, io: CliIo): Promise<void> {
  const { output, artifact, artifactName } = options;
  if (artifact !== undefined && artifactName === undefined) {
    throw new AgentError("OPTION_MISSING", { option: "--artifact-name" });
  }
  const board = loadImageBoard(options.board);
  const agent = await agentFiles(options.agent);
  const bar = (label: string, sizeBytes?: number): Progress =>
    options.progress ? createProgress(io, label, sizeBytes) : NO_PROGRESS;
  const [unpacking, writing] = [bar("unpacking"), bar("writing")];
  let compressing = NO_PROGRESS;
  const inputs = {
    ...{ image: file, output, agent, artifactName, signal: io.signal },
    ...(options.bmap === true && { bmap: true }),
    onUnpack: unpacking.advance,
    onWrite: writing.advance,
    onCompress(sizeBytes: number) {
      writing.done();
      compressing = bar("compressing", sizeBytes);
      return compressing.advance;
    },
  };
  try {
    await convertImage(board, inputs, async (rootfs, folder) => {
      if (artifactName === undefined) return {};
      const request = { deviceTypes: [board.deviceType], name: artifactName };
      if (artifact !== undefined) {
        await write(request, rootfsPayload(rootfs, artifactName), "gzip", artifact, io.signal);
      }
      const bootstrap = join(folder, "bootstrap.mender");
      await write(request, emptyPayload(artifactName), "none", bootstrap, io.signal);
      return { bootstrap: readSmallBytes(bootstrap) };
    });
  } finally {
    unpacking.done();
    writing.done();
    compressing.done();
  }
  io.out(`Image written to ${output}`);
  if (artifact !== undefined) io.out(`Artifact ${artifactName} written to ${artifact}`);
}

/** A chunk is in a folder of the bundle; from its sources, the program has no bundle. */
const OWN_FOLDER = fileURLToPath(new URL("..", import.meta.url));
const NEEDED = ["switchback.mjs", "chunks", "systemd"];

/** @throws {AgentError} CONVERT_BUNDLE */
async function agentFiles(folder = OWN_FOLDER): Promise<AgentFiles> {
  const bundle = resolve(folder);
  const names = await readdir(bundle).catch((cause: unknown) => {
    throw new AgentError("CONVERT_BUNDLE", { folder: bundle }, cause);
  });
  const missing = NEEDED.filter((name) => !names.includes(name));
  if (missing.length > 0) throw new AgentError("CONVERT_BUNDLE", { folder: bundle, missing: missing.join() });
  const units = (await readdir(join(bundle, "systemd"))).filter((name) => /\.(?:service|timer)$/.test(name));
  const texts = units.map((name) => [name, readSmallFile(join(bundle, "systemd", name))] as const);
  return { bundle, units: Object.fromEntries(texts) };
}

type Named = { readonly name: string; readonly deviceTypes: readonly string[] };
const CLEARS = ["rootfs-image.*"];

const rootfsPayload = (rootfs: string, name: string): PayloadRequest => ({
  ...{ kind: "rootfs-image", type: "rootfs-image", files: [rootfs], depends: {}, clearsProvides: CLEARS },
  provides: { "rootfs-image.version": name },
  checksumKey: "rootfs-image.checksum",
});

const emptyPayload = (name: string): PayloadRequest => ({
  ...{ kind: "empty", type: "", files: [], depends: {}, clearsProvides: CLEARS },
  provides: { "rootfs-image.version": name },
});

async function write(
  named: Named,
  payload: PayloadRequest,
  compression: "gzip" | "none",
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const request = { ...named, dependsNames: [], dependsGroups: [], scripts: [], payload, compression } as const;
  await writeArtifact(request, outputTo(path), () => undefined, signal);
}
