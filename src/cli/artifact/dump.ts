import { dirname, join } from "node:path";
import type { Writable } from "node:stream";
import { localActs } from "../../agent/files.ts";
import type { StoreScript } from "../../artifact/header-archive.ts";
import type { ArtifactInfo } from "../../artifact/model.ts";
import { type ArtifactReader, openArtifact } from "../../artifact/reader.ts";
import { namingFile, openArtifactFile } from "../../artifact/sign-artifact.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { type ByteSource, fromIterable, type MaybePromise } from "../../util/byte-source.ts";
import { writeArguments } from "./write-arguments.ts";

export interface DumpOptions {
  readonly files?: string;
  readonly metaData?: string;
  readonly scripts?: string;
  readonly printCmdline?: true;
  readonly print0Cmdline?: true;
  readonly progress: boolean;
  readonly json?: true;
}

const FILE_MODE = 0o644;
const SCRIPT_MODE = 0o755;
const FOLDER_MODE = 0o755;

/**
 * Stores the parts of an Artifact for which the options name a folder. If it throws, none of them stays.
 *
 * @returns the arguments that write the Artifact again from these parts; none if the options do not ask for them
 * @throws {AgentError} OPTION_INVALID, OUTPUT_FAILED and the codes of `openArtifact`; the signal's reason
 */
export async function dump(
  path: string,
  options: DumpOptions,
  onBytes: (count: number) => void,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (options.printCmdline === true && options.print0Cmdline === true)
    throw new AgentError("OPTION_INVALID", { option: "--print0-cmdline", reason: "--print-cmdline is given as well" });
  const parts = new Parts();
  try {
    return await namingFile(path, signal, () => takeApart(path, options, parts, onBytes, signal));
  } catch (error) {
    await parts.remove();
    throw error;
  }
}

async function takeApart(
  path: string,
  { files, metaData, scripts, ...print }: DumpOptions,
  parts: Parts,
  onBytes: (count: number) => void,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const storeScript: StoreScript | undefined =
    scripts === undefined ? undefined : (name, read) => parts.store("--script", scripts, name, read, SCRIPT_MODE);
  const reader = await openArtifact(counted(await openArtifactFile(path, signal), onBytes), { storeScript });
  try {
    const { info } = reader;
    const [payload, ...more] = info.payloads;
    if (payload === undefined || more.length > 0)
      throw new AgentError("OPTION_INVALID", { option: "dump", reason: "the Artifact has several payloads" });
    const isPrinted = print.printCmdline === true || print.print0Cmdline === true || print.json === true;
    const words = isPrinted ? writeArguments(info, payload) : [];
    for (const folder of [scripts, metaData, files]) if (folder !== undefined) await parts.makeFolder(folder);
    if (metaData !== undefined && payload.metaData !== undefined) {
      const content = fromIterable(withLineEnd(payload.metaData.pieces()));
      await parts.store("--meta-data", metaData, "0000.meta-data", (into) => content.read(into), FILE_MODE);
    }
    await storeFiles(reader, files, parts);
    await reader.finish();
    return isPrinted ? [...words, ...parts.words, ...compressionWords(info)] : [];
  } finally {
    await reader.close();
  }
}

async function storeFiles(reader: ArtifactReader, folder: string | undefined, parts: Parts): Promise<void> {
  const payload = await reader.nextPayload();
  if (folder === undefined || payload === undefined) return;
  for (let file = await payload.next(); file !== undefined; file = await payload.next()) {
    const { name } = file;
    const source = file;
    await parts.store("--file", folder, name, (into) => source.read(into), FILE_MODE);
  }
}

/** mender-artifact has no such word for gzip, which is its default. */
const compressionWords = ({ compression }: ArtifactInfo): readonly string[] =>
  compression === "gzip" ? [] : ["--compression", compression];

/** As mender-artifact ends the file; its own Artifacts have no line end here. */
function* withLineEnd(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  yield* pieces;
  yield Buffer.from("\n");
}

type Read = (into: Uint8Array) => MaybePromise<number>;

/** The stored files, which are removed again if a later part is damaged. */
class Parts {
  /** The options that name the files for `write`. */
  readonly words: string[] = [];
  readonly #made: string[] = [];

  async makeFolder(path: string): Promise<void> {
    const made = await localActs.makeFolder(path, FOLDER_MODE).catch((cause: unknown) => {
      throw new AgentError("OUTPUT_FAILED", { path }, cause);
    });
    if (made !== undefined) this.#made.push(made);
  }

  async store(option: string, folder: string, name: string, read: Read, mode: number): Promise<void> {
    const path = join(folder, name);
    let failure: unknown;
    const reading: Read = async (into) => {
      try {
        return await read(into);
      } catch (error) {
        failure = error;
        throw error;
      }
    };
    await this.makeFolder(folder);
    try {
      await localActs.storeSynced(path, reading, mode);
      this.#made.push(path);
      await localActs.syncFolder(dirname(path));
    } catch (cause) {
      if (failure !== undefined) throw failure;
      throw new AgentError("OUTPUT_FAILED", { path }, cause);
    }
    this.words.push(option, path);
  }

  async remove(): Promise<void> {
    for (const path of this.#made.reverse()) {
      await localActs.remove(path).catch(() => undefined); // ignored: the first error says what went wrong.
    }
  }
}

function counted(source: ByteSource, onBytes: (count: number) => void): ByteSource {
  return {
    async read(into) {
      const count = await source.read(into);
      onBytes(count);
      return count;
    },
    close: () => source.close(),
  };
}

/** Writes each argument with a null character behind it. @throws {AgentError} OUTPUT_FAILED */
export async function printed0(words: readonly string[], output: Writable = process.stdout): Promise<void> {
  const text = words.map((word) => `${word}\0`).join("");
  await new Promise<void>((resolve, reject) => {
    output.write(text, (cause) => {
      if (cause === null || cause === undefined) resolve();
      else reject(new AgentError("OUTPUT_FAILED", { path: "standard output" }, cause));
    });
  });
}
