import { crc32, deflateSync } from "node:zlib";
import encodeQR from "qr";

const SCALE = 6;
const BORDER = 4;

/** A QR code as a PNG image. */
export function qrImage(text: string): Buffer {
  const rows = encodeQR(text, "raw", { border: BORDER, scale: SCALE });
  const size = rows.length;
  // One bit for each point; 1 is white. Each row begins with the number of its filter, which is none.
  const lines = rows.map((row) => {
    const line = Buffer.alloc(1 + Math.ceil(size / 8));
    for (const [at, isDark] of row.entries())
      if (!isDark) line[1 + (at >> 3)] = (line[1 + (at >> 3)] ?? 0) | (0x80 >> (at & 7));
    return line;
  });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header[8] = 1;
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const data = deflateSync(Buffer.concat(lines));
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}

/** A QR code for a terminal: two rows of points in each line. */
export const qrText = (text: string): string => encodeQR(text, "ascii", { border: 2 });

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
