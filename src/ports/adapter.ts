import type { Bootloader, SlotId } from "./bootloader.ts";
import type { FileActs } from "./files.ts";
import type { PayloadHandler } from "./payload-handler.ts";
import type { ProcessResult } from "./process.ts";
import type { SlotDriver } from "./slot-driver.ts";

/** The board's files. The adapter check follows and interrupts only the writes that go through this interface. */
export interface AdapterFiles
  extends Pick<FileActs, "writeSynced" | "storeSynced" | "rename" | "remove" | "syncFolder"> {
  /** Reads a whole file; `undefined` if it does not exist. */
  read(path: string): Promise<Uint8Array | undefined>;
  /**
   * Replaces a file. After a power cut it has the old content or the new one; it is durable when the call resolves. An
   * interrupted call may leave a temporary file `<path>.<random>.new`; the next `replace` or `remove` of the same path
   * removes it.
   */
  replace(path: string, content: string | Uint8Array): Promise<void>;
}

/**
 * What the agent passes to an adapter. An adapter must access the board only through it, or the check misses the
 * access.
 */
export interface AdapterContext {
  /** Prefix of every absolute path on the board: empty on a device, the sandbox folder in the check. */
  readonly root: string;
  /** RootfsPartA and RootfsPartB, as configured. */
  readonly slots: Readonly<Record<SlotId, string>>;
  /** `Options` of the configuration. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly files: AdapterFiles;
  /** Runs a program without a shell; `SWITCHBACK_ROOT` in its environment is `root`. */
  run(argv: readonly [string, ...string[]], signal: AbortSignal, stdin?: string): Promise<ProcessResult>;
}

/**
 * The export `adapter` of a module that adapts a boot loader. The created boot loader's `kind` is the adapter's name.
 */
export interface BootloaderAdapter {
  /** Version of this contract: 1. */
  readonly protocol: 1;
  readonly kind: "bootloader";
  /** Appears in messages. */
  readonly name: string;
  /** The agent calls it once in each process, before everything else. It must not access the board. */
  create(context: AdapterContext): Omit<Bootloader, "kind"> | Promise<Omit<Bootloader, "kind">>;
}

/** A slot's storage, open for reading or for writing. The check follows and interrupts the writes made through it. */
export interface SlotStorage {
  readonly sizeBytes: number;
  /** Like pread(2): may read fewer bytes than requested, and 0 only at the end. */
  read(into: Uint8Array, offset: number): Promise<number>;
  /** Like pwrite(2): may write fewer bytes than given; the caller must call again for the rest. */
  write(from: Uint8Array, offset: number): Promise<number>;
  /** Resolves when all earlier writes are safe against power loss. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The context of an adapter for slots. */
export interface DeviceContext extends AdapterContext {
  /** Opens a file or block device; a block device must be unused to be opened for writing. The caller closes it. */
  openStorage(path: string, access: "read" | "write"): Promise<SlotStorage>;
}

/** The export `adapter` of a module that adapts slots. */
export interface DeviceAdapter {
  /** Version of this contract: 1. */
  readonly protocol: 1;
  readonly kind: "device";
  /** Appears in messages. */
  readonly name: string;
  /** The agent calls it once in each process, before everything else. It must not access the board. */
  create(context: DeviceContext): SlotDriver | Promise<SlotDriver>;
}

/** The context of an adapter for payloads. */
export interface PayloadAdapterContext extends AdapterContext {
  /**
   * A folder for state that must survive a restart. It exists and is empty at `prepare`; the agent removes it after
   * Cleanup.
   */
  readonly folder: string;
}

/** The export `adapter` of a module that adapts one payload type. */
export interface PayloadAdapter {
  /** Version of this contract: 1. */
  readonly protocol: 1;
  readonly kind: "payload";
  /** Appears in messages. */
  readonly name: string;
  /** The agent calls it once in each process, before everything else. It must not access the board. */
  create(context: PayloadAdapterContext): Omit<PayloadHandler, "type"> | Promise<Omit<PayloadHandler, "type">>;
}
