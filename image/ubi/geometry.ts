import type { ImageBoard } from "../board/schema.ts";

type Ubi = NonNullable<ImageBoard["ubi"]>;

/** Of each of the two headers in an erase block. */
const HEADER_BYTES = 64;

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** The part of an erase block that a volume can use: both headers come first, each in a unit of its own. */
export function lebBytes({ eraseBlock, page, subPage = page }: Ubi): number {
  const second = roundUp(HEADER_BYTES, subPage);
  return eraseBlock - roundUp(second + HEADER_BYTES, page);
}
