import type { Writable } from "node:stream";
import { follow } from "../../../../image/files/trees.ts";
import type { CliIo } from "../../../agent/io.ts";
import { AgentError } from "../../../errors/agent-error.ts";
import { errnoOf } from "../../../util/errno.ts";
import { neededTarget } from "./image-target.ts";
import { readImage } from "./open-image.ts";

/** Writes a file of an image to standard output. */
export async function cat(argument: string, io: CliIo, output: Writable = process.stdout): Promise<void> {
  const target = neededTarget(argument);
  await readImage(target, { progress: true }, io, async (files, path) => {
    const found = await follow(files, path, io.signal);
    const detail = { image: target.image, path: target.path };
    if (found === undefined) throw new AgentError("IMAGE_FILE_MISSING", detail);
    const { kind } = found.entry;
    if (kind !== "file") throw new AgentError("IMAGE_FILE_KIND", { ...detail, found: kind, expected: "file" });
    for await (const chunk of files.read(found.path, io.signal)) if (!(await isTaken(output, chunk))) return;
  });
}

/** @returns false if the reader has closed its end (`| head`) @throws {AgentError} OUTPUT_FAILED */
function isTaken(output: Writable, chunk: Uint8Array): Promise<boolean> {
  output.on("error", ignore);
  return new Promise((resolve, reject) => {
    output.write(chunk, (cause) => {
      output.off("error", ignore);
      if (cause === null || cause === undefined) resolve(true);
      else if (errnoOf(cause) === "EPIPE") resolve(false);
      else reject(new AgentError("OUTPUT_FAILED", { path: "standard output" }, cause));
    });
  });
}

/** The failing write reports the error. */
const ignore = (): void => undefined;
