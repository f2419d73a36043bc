import { chmod, cp, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import { temporaryFor } from "../../src/util/replace-file.ts";

/** A file to write; a folder if its path ends with `/`. */
export interface TextFile {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly mode: number;
}

/**
 * Makes the folder `output` with these files. It must not exist, or be empty. After a failure it is as before.
 *
 * @throws {AgentError} OUTPUT_FAILED
 */
export async function writeFolder(output: string, files: readonly TextFile[]): Promise<void> {
  await newFolder(output, async (work) => {
    for (const { path, content, mode } of files) {
      const target = join(work, path);
      await mkdir(path.endsWith("/") ? target : dirname(target), { recursive: true });
      if (!path.endsWith("/")) await writeFile(target, content);
      await chmod(target, mode);
    }
  });
}

/** Fills a folder, which appears only when it is complete. @throws {AgentError} OUTPUT_FAILED */
export async function newFolder(output: string, fill: (work: string) => Promise<void>): Promise<void> {
  const work = temporaryFor(output);
  try {
    await mkdir(work);
    await fill(work);
    // The system refuses to replace a folder that is not empty.
    await rename(work, output);
  } catch (cause) {
    throw cause instanceof AgentError ? cause : new AgentError("OUTPUT_FAILED", { path: output }, cause);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Copies a file with its permissions. */
export const copyFileTo = (from: string, to: string): Promise<void> => cp(from, to, { preserveTimestamps: true });
