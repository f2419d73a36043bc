import type { Diagnosable } from "./finding.ts";

/** The boot loader's variables, independent of their storage. */
export interface BootEnv extends Partial<Diagnosable> {
  /** Values of those `keys` that are set. A variable with an empty value counts as not set. */
  read(keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /**
   * Stores all pairs or none, even if the power fails, and resolves when they are durable. Reads them back and
   * compares.
   *
   * @throws {AgentError} BOOTENV_WRITE
   */
  write(pairs: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void>;
  /** @see Bootloader.expectWritable */
  expectWritable?(signal: AbortSignal): Promise<void>;
}
