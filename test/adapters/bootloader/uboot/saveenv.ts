import { readFileSync, writeFileSync } from "node:fs";
import { crc32 } from "node:zlib";

/**
 * An independent model of U-Boot's own access to a redundant environment on a disk, written from its sources: the tests
 * compare the adapter with it. Unlike the adapter and the tools, U-Boot sorts the variables and pads with zeros.
 */
export class UbootEnv {
  private readonly file: string;
  private readonly copyBytes: number;

  constructor(file: string, copyBytes: number) {
    this.file = file;
    this.copyBytes = copyBytes;
  }

  /** @returns `undefined` where U-Boot would say "bad CRC, using default environment" */
  load(): ReadonlyMap<string, string> | undefined {
    const copy = this.inUse();
    if (copy === undefined) return undefined;
    const text = this.copy(copy).subarray(5).toString("latin1");
    const entries = text.slice(0, text.indexOf("\0\0")).split("\0");
    return new Map(entries.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]));
  }

  save(variables: ReadonlyMap<string, string>): void {
    const used = this.inUse();
    const target = used === 0 ? 1 : 0;
    const sorted = [...variables].filter(([, value]) => value !== "").map(([key, value]) => `${key}=${value}\0`);
    const copy = Buffer.alloc(this.copyBytes);
    copy.write(sorted.sort().join(""), 5, "latin1");
    copy[4] = ((used === undefined ? 0 : (this.copy(used)[4] ?? 0)) + 1) % 256;
    copy.writeUInt32LE(crc32(copy.subarray(5)));
    const whole = readFileSync(this.file);
    copy.copy(whole, target * this.copyBytes);
    writeFileSync(this.file, whole);
  }

  private inUse(): 0 | 1 | undefined {
    const isValid = (at: 0 | 1): boolean => this.copy(at).readUInt32LE(0) === crc32(this.copy(at).subarray(5));
    if (!isValid(0)) return isValid(1) ? 1 : undefined;
    if (!isValid(1)) return 0;
    const [one, two] = [this.copy(0)[4] ?? 0, this.copy(1)[4] ?? 0];
    const isSecondNewer = (one === 255 && two === 0) || (two > one && !(two === 255 && one === 0));
    return isSecondNewer ? 1 : 0;
  }

  private copy(index: 0 | 1): Buffer {
    return readFileSync(this.file).subarray(index * this.copyBytes, (index + 1) * this.copyBytes);
  }
}
