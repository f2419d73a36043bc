import type { ImageFiles } from "../files/image-files.ts";
import type { ReportedPartition } from "./report.ts";

/** The files of a file system, as far as an inspection needs them. */
export interface InspectedFiles extends Pick<ImageFiles, "list" | "readLink" | "read"> {
  readonly kind: ImageFiles["kind"] | "squashfs";
}

/** A partition with files that can be read. */
export interface Readable {
  readonly partition: ReportedPartition;
  readonly files: InspectedFiles;
}

/** An image, with everything that the search for a boot loader needs. */
export interface ImageContext {
  readonly path: string;
  readonly size: number;
  readonly partitions: readonly ReportedPartition[];
  readonly readable: readonly Readable[];
  /** The first root file system, as it will be when it runs. */
  readonly tree?: { text(path: string): Promise<string | undefined>; read(path: string): Promise<Buffer | undefined> };
  readonly slots: { readonly A?: number; readonly B?: number };
  readonly signal: AbortSignal;
}

export const slotOf = ({ slots }: ImageContext, partition: number): { readonly slot?: "A" | "B" } =>
  slots.A === partition ? { slot: "A" } : slots.B === partition ? { slot: "B" } : {};
