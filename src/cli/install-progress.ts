import type { OpenedPayload } from "../core/deployment/effects.ts";
import type { OpenedArtifact } from "../core/install/open-artifact.ts";
import type { PayloadFile } from "../ports/payload-handler.ts";
import type { CliIo } from "./io.ts";
import { createProgress } from "./progress.ts";

/** The payload of `artifact`, with a progress bar that follows what is read of it. */
export async function withProgress(artifact: OpenedArtifact, io: CliIo): Promise<OpenedPayload> {
  const { stream, finish } = await artifact.openPayload();
  return {
    stream: {
      async next() {
        const file = await stream.next();
        return file === undefined ? undefined : watched(file, io);
      },
    },
    finish,
  };
}

function watched(file: PayloadFile, io: CliIo): PayloadFile {
  const progress = createProgress(io, file.name, file.sizeBytes);
  const advance = (count: number): number => {
    if (count === 0) progress.done();
    else progress.advance(count);
    return count;
  };
  const fail = (error: unknown): never => {
    progress.done();
    throw error;
  };
  return {
    name: file.name,
    sizeBytes: file.sizeBytes,
    sha256: file.sha256,
    read(into) {
      try {
        const count = file.read(into);
        return typeof count === "number" ? advance(count) : count.then(advance, fail);
      } catch (error) {
        return fail(error);
      }
    },
  };
}
