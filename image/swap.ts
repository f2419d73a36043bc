const PAGE = 4096;
const VERSION = 1;

/** The first page of a swap area, as mkswap writes it. */
export function swapHeader(sizeBytes: number, uuid: string, label: string): Buffer {
  const page = Buffer.alloc(PAGE);
  page.writeUInt32LE(VERSION, 1024);
  page.writeUInt32LE(Math.floor(sizeBytes / PAGE) - 1, 1028);
  Buffer.from(uuid.replaceAll("-", ""), "hex").copy(page, 1036);
  page.write(label.slice(0, 15), 1052, "utf8");
  page.write("SWAPSPACE2", PAGE - 10, "latin1");
  return page;
}
