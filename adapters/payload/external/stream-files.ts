import type { PayloadFile, PayloadStream } from "../../../src/ports/payload-handler.ts";
import { type FifoWriter, openFifo } from "./fifo.ts";
import type { FileTree } from "./file-tree.ts";

/** `declined`: the module never opened `stream-next`. `unfinished`: it ended or stopped reading before the end. */
export type Streamed = "declined" | "unfinished" | "complete";

export interface StreamOptions {
  /** Tells the module each file's size. */
  readonly withSizes: boolean;
  makeFifo(path: string): Promise<void>;
  /** Aborts when the module has ended. */
  readonly ended: AbortSignal;
}

/**
 * Serves the files of a payload to a running module: the name of each through `stream-next`, then its content through a
 * separate FIFO. The caller must create `stream-next` before the module starts.
 *
 * @throws {AgentError} the codes of the payload, MODULE_STREAM, MODULE_TREE_IO; the module then still runs
 * @see Update module protocol v3, section 4
 */
export async function streamFiles(payload: PayloadStream, tree: FileTree, options: StreamOptions): Promise<Streamed> {
  for (let isFirst = true; ; isFirst = false) {
    const names = await openFifo(tree.inside("stream-next"), options.ended);
    if (names === undefined) return isFirst ? "declined" : "unfinished";
    let file: PayloadFile | undefined;
    try {
      // The module waits for a name meanwhile: it sees the end of the list only after all checksums are verified.
      file = await payload.next();
      if (options.ended.aborted) return "unfinished";
      if (file === undefined) return "complete";
      await options.makeFifo(tree.inside("streams", file.name));
      if (!(await isTaken(names.write(lineFor(file, options.withSizes))))) return "unfinished";
    } finally {
      await names.close();
    }
    const content = await openFifo(tree.inside("streams", file.name), options.ended);
    if (content === undefined) return "unfinished";
    try {
      if (!(await copy(file, content))) return "unfinished";
    } finally {
      await content.close();
    }
  }
}

const lineFor = ({ name, sizeBytes }: PayloadFile, withSize: boolean): Buffer =>
  Buffer.from(withSize ? `streams/${name} ${sizeBytes}\n` : `streams/${name}\n`);

const CHUNK_BYTES = 256 * 1024;

/** Reads the next chunk while the module takes the previous one. @returns whether the module has read to the end */
async function copy(file: PayloadFile, to: FifoWriter): Promise<boolean> {
  const chunks = [Buffer.allocUnsafe(CHUNK_BYTES), Buffer.allocUnsafe(CHUNK_BYTES)] as const;
  let taken = Promise.resolve(true);
  try {
    for (let turn: 0 | 1 = 0; ; turn = turn === 0 ? 1 : 0) {
      const chunk = chunks[turn];
      const count = await file.read(chunk);
      if (!(await taken)) return false;
      if (count === 0) return true;
      taken = isTaken(to.write(chunk.subarray(0, count)));
    }
  } finally {
    await taken;
  }
}

/** A module that has ended, or stops reading, is not an error here: its exit status decides. */
function isTaken(written: Promise<void>): Promise<boolean> {
  return written.then(
    () => true,
    () => false,
  );
}
