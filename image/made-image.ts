/** The files of an image in their temporary folder. */
export interface MadeImage {
  readonly image: string;
  readonly sizeBytes: number;
  readonly bmap?: string;
  readonly rootfs?: string;
}
