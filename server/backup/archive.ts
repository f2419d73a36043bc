import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { TAR_END, tarHeader, tarPadding } from "../../src/artifact/tar-writer.ts";

/** Writes a tar archive that gets its name when it is whole and on the disk. */
export class ArchiveWriter {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;

  static async create(path: string): Promise<ArchiveWriter> {
    const temporary = `${path}.${process.pid}.new`;
    // It holds keys and hashes of passwords.
    return new ArchiveWriter(path, temporary, await open(temporary, "w", 0o600));
  }

  private constructor(path: string, temporary: string, file: FileHandle) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
  }

  /** @param content must have exactly `sizeBytes` bytes */
  async add(name: string, sizeBytes: number, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    await this.#write(tarHeader({ name, mode: 0o600, sizeBytes }));
    let written = 0;
    for await (const chunk of content) {
      await this.#write(chunk);
      written += chunk.length;
    }
    if (written !== sizeBytes) throw new Error(`${name}: ${written} bytes instead of ${sizeBytes}`);
    await this.#write(tarPadding(sizeBytes));
  }

  async finish(): Promise<void> {
    await this.#write(TAR_END);
    await this.#file.sync();
    await this.#file.close();
    await rename(this.#temporary, this.#path);
    const folder = await open(dirname(this.#path), "r");
    await folder.sync();
    await folder.close();
  }

  /** Leaves nothing. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => undefined); // ignored: it is closed already.
    await rm(this.#temporary, { force: true });
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.#file.appendFile(bytes);
  }
}
