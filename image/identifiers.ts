import { createHash } from "node:crypto";

/** A UUID that depends only on `parts`, so that every build of a board has the same. */
export function uuidFrom(...parts: readonly string[]): string {
  const hex = digestOf(parts);
  const variant = "89ab"[Number.parseInt(hex.charAt(16), 16) % 4];
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}

/** Eight hexadecimal digits, as for the identifier of a DOS disk or a FAT volume. Never zero. */
export const shortIdFrom = (...parts: readonly string[]): string => {
  const id = digestOf(parts).slice(0, 8);
  return id === "00000000" ? "00000001" : id;
};

const digestOf = (parts: readonly string[]): string => createHash("sha256").update(parts.join("\0")).digest("hex");
