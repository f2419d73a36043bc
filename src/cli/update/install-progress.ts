import type { CliIo } from "../../agent/io.ts";
import type { OpenedPayloads } from "../../core/deployment/effects.ts";
import type { PayloadFile, PayloadStream } from "../../ports/payload-handler.ts";
import { createProgress } from "../progress.ts";

/** The payloads, with a progress bar that follows the reading of each file. */
export function withProgress({ next, finish }: OpenedPayloads, io: CliIo): OpenedPayloads {
  return {
    async next() {
      const payload = await next();
      return payload && { ...payload, stream: watchedStream(payload.stream, io) };
    },
    finish,
  };
}

function watchedStream(stream: PayloadStream, io: CliIo): PayloadStream {
  return {
    async next() {
      const file = await stream.next();
      return file && watched(file, io);
    },
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
