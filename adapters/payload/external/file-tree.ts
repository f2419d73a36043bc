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

/** The facts about the device that a file tree gives to a module. */
export interface DeviceFacts {
  readonly artifactName: string;
  readonly artifactGroup?: string;
  readonly deviceType: string;
}

/**
 * The working folder of an update module, from before Download until after Cleanup: files 0600, folders 0700. After a
 * power cut it is either complete or absent.
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

  /** Creates the tree anew. Without `context` it has no Artifact header, as for a module that takes over an update. */
  async build(device: DeviceFacts, context?: PayloadContext): Promise<void> {
    await this.#io(async () => {
      await this.#letReadersGo();
      await this.#acts.remove(this.path);
      await this.#acts.remove(this.#doomed);
      // Build it beside its final path and rename it: a power cut must not leave half of it.
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

  /** Removes the tree in one step: a power cut never leaves half of it at `path`. */
  async remove(): Promise<void> {
    await this.#io(async () => {
      if (await this.exists()) {
        await this.#letReadersGo();
        await this.#acts.remove(this.#doomed);
        await this.#acts.rename(this.path, this.#doomed);
        await this.#acts.syncFolder(dirname(this.path));
      }
      await this.#acts.remove(this.#doomed);
      // Also remove a build that could not finish, for example on a full disk.
      await this.#acts.remove(this.#building);
    });
  }

  /** Creates the folder for streams; the caller creates the FIFOs in it. */
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

  /** Stores the whole payload below `files/`. @throws {AgentError} also the codes of the stream */
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

  /** A module may have outlived the agent that fed it. Without its FIFO nothing could wake it any more. */
  async #letReadersGo(): Promise<void> {
    endFifo(this.inside("stream-next"));
    const streams = await readdir(this.inside("streams")).catch(() => {
      // ignored: the folder exists only during a download.
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

/** Modules read these with `$(cat FILE)`; like the newest client, non-empty files end with a newline. */
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

/**
 * Formats a document for readers. Indentation can make a deeply nested one a hundred times larger, so a large one stays
 * as it is.
 */
const laidOut = (text: string): string => (Buffer.byteLength(text) > LAID_OUT_BYTES ? text : layOutJson(text, "  "));
