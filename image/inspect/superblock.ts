/** Reads `length` bytes at a distance from the start of the file system; zeros stand for what is after its end. */
export type ReadAt = (offset: number, length: number) => Promise<Buffer>;

export function uuidOf(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** A label ends with a NUL or with spaces. */
export function labelOf(bytes: Buffer): { readonly label?: string } {
  const label = bytes
    .toString("utf8")
    .replace(/\0[\s\S]*$/, "")
    .trimEnd();
  return label === "" || label === "NO NAME" ? {} : { label };
}
