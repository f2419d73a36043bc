import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { FileActs } from "../../../src/ports/files.ts";
import type { PayloadContext, PayloadFile, PayloadStream } from "../../../src/ports/payload-handler.ts";
import { readerOfChunks } from "../../../src/util/byte-source.ts";
import { ensureFolder } from "../../../src/util/ensure-folder.ts";
import { layOutJson } from "../../../src/util/json-text.ts";
import { endFifo } from "./fifo.ts";

const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;
const LAID_OUT_BYTES = 64 * 1024;

/** What a file tree tells a module of the device. */
export interface DeviceFacts {
  readonly artifactName: string;
  readonly artifactGroup?: string;
  readonly deviceType: string;
}

/**
 * The folder in which an update module works, from before Download until after Cleanup: files 0600, folders 0700.
 * It is there as a whole, durably, or not at all.
 *
 * @throws {AgentError} MODULE_TREE_IO from every method
 * @see Update module protocol v3, section 5
 */
export class FileTree {
  readonly path: string;
  readonly #acts: FileActs;

  /** @param path absolute */
  constructor(path: string, acts: FileActs) {
    this.path = path;
    this.#acts = acts;
  }

  inside(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  async exists(): Promise<boolean> {
    return await stat(this.path).then(
      (found) => found.isDirectory(),
      () => false,
    );
  }

  /** Makes it anew. Without `context` it lacks the Artifact's header, as for a module that takes over an update. */
  async build(device: DeviceFacts, context?: PayloadContext): Promise<void> {
    await this.#io(async () => {
      await this.#letReadersGo();
      await this.#acts.remove(this.path);
      await this.#acts.remove(this.#doomed);
      // Built beside its place and moved there: a power cut leaves no half of it.
      const building = this.#building;
      await this.#acts.remove(building);
      const parent = dirname(this.path);
      await ensureFolder(parent, PRIVATE_FOLDER, this.#acts);
      await this.#fill(building, { ...deviceFiles(device) });
      if (context !== undefined) await this.#fillHeader(join(building, "header"), context);
      await this.#acts.makeFolder(join(building, "tmp"), PRIVATE_FOLDER);
      await this.#acts.syncFolder(building);
      await this.#acts.rename(building, this.path);
      await this.#acts.syncFolder(parent);
    });
  }

  /** Removes it: in one step for whoever looks for it, also when the power fails on the way. */
  async remove(): Promise<void> {
    await this.#io(async () => {
      if (await this.exists()) {
        await this.#letReadersGo();
        await this.#acts.remove(this.#doomed);
        await this.#acts.rename(this.path, this.#doomed);
        await this.#acts.syncFolder(dirname(this.path));
      }
      await this.#acts.remove(this.#doomed);
      // One that could not be finished, on a full disk for one.
      await this.#acts.remove(this.#building);
    });
  }

  /** Makes room for streams; the FIFOs in it are the caller's. */
  async openStreams(): Promise<void> {
    await this.closeStreams();
    await this.#io(() => this.#acts.makeFolder(this.inside("streams"), PRIVATE_FOLDER));
  }

  async closeStreams(): Promise<void> {
    await this.#io(async () => {
      await this.#acts.remove(this.inside("stream-next"));
      await this.#acts.remove(this.inside("streams"));
    });
  }

  /** Stores the whole payload below `files/`. @throws {AgentError} the codes of the stream, too */
  async storeFiles(payload: PayloadStream, signal: AbortSignal): Promise<void> {
    const files = this.inside("files");
    await this.#io(() => this.#acts.makeFolder(files, PRIVATE_FOLDER));
    for (let file = await payload.next(); file !== undefined; file = await payload.next()) {
      await this.#storeFile(join(files, file.name), file, signal);
    }
    await this.#io(async () => {
      await this.#acts.syncFolder(files);
      await this.#acts.syncFolder(this.path);
    });
  }

  get #building(): string {
    return `${this.path}.new`;
  }

  get #doomed(): string {
    return `${this.path}.old`;
  }

  /** A module may have outlived the agent that fed it: nobody could ever wake it once its FIFO is gone. */
  async #letReadersGo(): Promise<void> {
    endFifo(this.inside("stream-next"));
    const streams = await readdir(this.inside("streams")).catch(() => {
      // ignored: outside of a download there are none.
      return [];
    });
    for (const name of streams) endFifo(this.inside("streams", name));
  }

  async #storeFile(path: string, file: PayloadFile, signal: AbortSignal): Promise<void> {
    await this.#io(() =>
      this.#acts.storeSynced(
        path,
        (into) => {
          signal.throwIfAborted();
          return file.read(into);
        },
        PRIVATE_FILE,
      ),
    ).catch((error: unknown) => {
      signal.throwIfAborted();
      throw error;
    });
  }

  async #fillHeader(folder: string, context: PayloadContext): Promise<void> {
    const { texts, metaDataSource: source } = context;
    const large =
      source !== undefined && source.sizeBytes > LAID_OUT_BYTES ? source.pieces()[Symbol.iterator]() : undefined;
    const metaData = large === undefined && { "meta-data": laidOut(texts.metaData ?? "null") };
    await this.#fill(folder, { ...headerFiles(context), ...metaData });
    if (large === undefined) return;
    const read = readerOfChunks(async () => large.next().value ?? undefined);
    await this.#acts.storeSynced(join(folder, "meta-data"), read, PRIVATE_FILE);
    await this.#acts.syncFolder(folder);
  }

  async #fill(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
    await this.#acts.makeFolder(folder, PRIVATE_FOLDER);
    for (const [name, text] of Object.entries(files))
      await this.#acts.writeSynced(join(folder, name), text, PRIVATE_FILE);
    await this.#acts.syncFolder(folder);
  }

  async #io<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      if (cause instanceof AgentError || !(cause instanceof Error && "code" in cause)) throw cause;
      throw new AgentError("MODULE_TREE_IO", { tree: this.path }, cause);
    }
  }
}

/** A module reads these with `$(cat FILE)`; the newest client ends those that are not empty with a newline. */
function deviceFiles({ artifactName, artifactGroup = "", deviceType }: DeviceFacts): Record<string, string> {
  const line = (text: string): string => (text === "" ? "" : `${text}\n`);
  return {
    version: line("3"),
    current_artifact_name: line(artifactName),
    current_artifact_group: line(artifactGroup),
    current_device_type: line(deviceType),
  };
}

function headerFiles(context: PayloadContext): Record<string, string> {
  const { headerInfo, typeInfo } = context.texts;
  return {
    artifact_name: context.artifactName,
    artifact_group: context.artifactGroup ?? "",
    payload_type: context.payloadType,
    "header-info": laidOut(headerInfo),
    "type-info": laidOut(typeInfo),
  };
}

/** Laid out, a document with deep nesting takes a hundred times its size. A large one stays as it is written. */
const laidOut = (text: string): string => (Buffer.byteLength(text) > LAID_OUT_BYTES ? text : layOutJson(text, "  "));
