/** What the agent can find out about a slot's storage without writing to it. */
export interface SlotFacts {
  /** As configured. */
  readonly path: string;
  readonly kind: "block device" | "file" | "UBI volume" | "adapter's" | "missing" | "neither";
  /** Equal if two paths lead to the same storage; absent if there is no storage. */
  readonly identity?: string;
  readonly sizeBytes?: number;
  readonly isMounted: boolean;
}

/** A folder and the file system that holds it. */
export interface FolderFacts {
  readonly folder: string;
  readonly exists: boolean;
  /** Target of a dangling symbolic link: of the folder, or of a folder above it. */
  readonly leadsTo?: string;
  /** This process may write: neither permissions nor a read-only mount prevent it. */
  readonly isWritable: boolean;
  readonly freeBytes: number;
  /** Absent if the file system does not count inodes. */
  readonly freeFiles?: number;
  /**
   * Absent if the folder is on the root file system. If that is an overlay, the mount of its upper layer, or absent if
   * this process does not see that mount.
   */
  readonly mount?: { readonly folder: string; readonly type: string; readonly source: string };
  /** The folder is in the upper layer of an overlay, whose mount this process does not see. */
  readonly isInLayer?: true;
  /** Mount point, possibly `/`, that forbids starting programs (`noexec`). */
  readonly startsNothing?: string;
}

/** A file or folder that exists. */
export interface FileFacts {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly owner: number;
}

/** How a server responded to a connection. */
export type ServerFacts =
  /** Without TLS. */
  | { readonly kind: "plain" }
  | { readonly kind: "trusted"; readonly expiresMs: number; readonly name: string }
  /** @param code from OpenSSL, Node or the system: `CERT_HAS_EXPIRED`, `ECONNREFUSED` */
  | { readonly kind: "failed"; readonly code: string; readonly message: string };
