import type { Bootloader, SlotId } from "./bootloader.ts";
import type { FileActs } from "./files.ts";
import type { PayloadHandler } from "./payload-handler.ts";
import type { ProcessResult } from "./process.ts";
import type { SlotDriver } from "./slot-driver.ts";

/** Files of the board. What is written here, and only that, the check can follow and cut off. */
export interface AdapterFiles
  extends Pick<FileActs, "writeSynced" | "storeSynced" | "rename" | "remove" | "syncFolder"> {
  /** `undefined` where there is no such file. */
  read(path: string): Promise<Uint8Array | undefined>;
  /**
   * Replaces a file: after a power cut it is the old one or the new one. Durable when it resolves. An interrupted
   * call may leave a temporary file `<path>.<random>.new`; the next `replace` or `remove` of the same path removes it.
   */
  replace(path: string, content: string | Uint8Array): Promise<void>;
}

/** What an adapter is given. It must touch the board through this alone, or the check sees nothing of it. */
export interface AdapterContext {
  /** Stands before every absolute path of the board: empty on a device, a sandbox's folder in the check. */
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
 * What a module of a boot loader's adapter exports under the name `adapter`. The `kind` of the boot loader that it
 * creates is the adapter's name.
 */
export interface BootloaderAdapter {
  /** Version of this contract: 1. */
  readonly protocol: 1;
  readonly kind: "bootloader";
  /** Stands in messages. */
  readonly name: string;
  /** Called once in each process, before anything else. Touches nothing. */
  create(context: AdapterContext): Omit<Bootloader, "kind"> | Promise<Omit<Bootloader, "kind">>;
}

/** A slot's storage, opened for writing or only for reading. What is written here the check can follow and cut off. */
export interface SlotStorage {
  readonly sizeBytes: number;
  /** Like pread(2): may give fewer bytes than asked for; 0 only at the end. */
  read(into: Uint8Array, offset: number): Promise<number>;
  /** Like pwrite(2): may take fewer bytes than given, and then has to be called again for the rest. */
  write(from: Uint8Array, offset: number): Promise<number>;
  /** Resolves when all that was written before is safe against power loss. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What an adapter for slots is given besides. */
export interface DeviceContext extends AdapterContext {
  /** Opens a file or block device; to be written, a block device must not be in use. The caller closes it. */
  openStorage(path: string, access: "read" | "write"): Promise<SlotStorage>;
}

/** What a module of an adapter for slots exports under the name `adapter`. */
export interface DeviceAdapter {
  /** Version of this contract: 1. */
  readonly protocol: 1;
  readonly kind: "device";
  /** Stands in messages. */
  readonly name: string;
  /** Called once in each process, before anything else. Touches nothing. */
  create(context: DeviceContext): SlotDriver | Promise<SlotDriver>;
}

/** What an adapter for payloads is given besides. */
export interface PayloadAdapterContext extends AdapterContext {
  /** For what must outlive a restart: there, and empty, when `prepare` comes; removed after Cleanup. */
  readonly folder: string;
}

/** What a module of an adapter for one type of payload exports under the name `adapter`. */
export interface PayloadAdapter {
  /** Version of this contract: 1. */
  readonly protocol: 1;
  readonly kind: "payload";
  /** Stands in messages. */
  readonly name: string;
  /** Called once in each process, before anything else. Touches nothing. */
  create(context: PayloadAdapterContext): Omit<PayloadHandler, "type"> | Promise<Omit<PayloadHandler, "type">>;
}
