/** What there is to know of a slot's storage without writing to it. */
export interface SlotFacts {
  /** As it is configured. */
  readonly path: string;
  readonly kind: "block device" | "file" | "UBI volume" | "adapter's" | "missing" | "neither";
  /** The same for two names of one storage; absent where nothing was found. */
  readonly identity?: string;
  readonly sizeBytes?: number;
  readonly isMounted: boolean;
}

/** The file system that a folder lies on. */
export interface FolderFacts {
  readonly folder: string;
  readonly exists: boolean;
  /** What a symbolic link says that leads nowhere: the folder, or a folder above it. */
  readonly leadsTo?: string;
  /** Neither permissions nor a file system that is mounted read-only keep this process from writing. */
  readonly isWritable: boolean;
  readonly freeBytes: number;
  /** Absent where the file system does not count them. */
  readonly freeFiles?: number;
  /** Absent where the folder lies on the root file system. */
  readonly mount?: { readonly folder: string; readonly type: string; readonly source: string };
  /** Mount, the root file system's too, from which no program can be started (`noexec`). */
  readonly startsNothing?: string;
}

/** A file or folder that exists. */
export interface FileFacts {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly owner: number;
}

/** How a server answered when it was connected to. */
export type ServerFacts =
  /** Without TLS. */
  | { readonly kind: "plain" }
  | { readonly kind: "trusted"; readonly expiresMs: number; readonly name: string }
  /** @param code of OpenSSL, of Node or of the system: `CERT_HAS_EXPIRED`, `ECONNREFUSED` */
  | { readonly kind: "failed"; readonly code: string; readonly message: string };
