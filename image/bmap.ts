import { createHash } from "node:crypto";
import { BLOCK, type DiskImage } from "./disk-image.ts";

const CHUNK_BYTES = 1024 * 1024;
const NO_CHECKSUM = "0".repeat(64);

/**
 * The block map of an image, in the format 2.0 of bmaptool: the blocks to write, with checksums. It also lists blocks of
 * zeros that a filesystem relies on, so the image may be written over an older one.
 */
export async function bmapOf(image: DiskImage): Promise<string> {
  const ranges: string[] = [];
  let mapped = 0;
  for (const { first, count } of image.runs()) {
    const [start, end] = [first * BLOCK, Math.min((first + count) * BLOCK, image.sizeBytes)];
    const hash = createHash("sha256");
    for (let at = start; at < end; at += CHUNK_BYTES)
      hash.update(await image.read(at, Math.min(CHUNK_BYTES, end - at)));
    const blocks = count === 1 ? `${first}` : `${first}-${first + count - 1}`;
    ranges.push(`        <Range chksum="${hash.digest("hex")}"> ${blocks} </Range>`);
    mapped += count;
  }
  const text = `<?xml version="1.0" ?>
<!-- A block map for bmaptool: bmaptool copy IMAGE DEVICE -->
<bmap version="2.0">
    <ImageSize> ${image.sizeBytes} </ImageSize>
    <BlockSize> ${BLOCK} </BlockSize>
    <BlocksCount> ${Math.ceil(image.sizeBytes / BLOCK)} </BlocksCount>
    <MappedBlocksCount> ${mapped} </MappedBlocksCount>
    <ChecksumType> sha256 </ChecksumType>
    <BmapFileChecksum> ${NO_CHECKSUM} </BmapFileChecksum>
    <BlockMap>
${ranges.join("\n")}
    </BlockMap>
</bmap>
`;
  return text.replace(NO_CHECKSUM, createHash("sha256").update(text).digest("hex"));
}
