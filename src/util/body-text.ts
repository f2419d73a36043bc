/**
 * The beginning of a body as UTF-8 text. Fetches at most `maxBytes`, and then closes the connection.
 *
 * @param body of a response; its chunks are copied
 */
export async function textOf(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const parts: Buffer[] = [];
  let total = 0;
  for await (const chunk of body) {
    const part = Buffer.from(chunk.subarray(0, maxBytes - total));
    parts.push(part);
    total += part.length;
    if (total === maxBytes) break;
  }
  return total === 0 ? "" : Buffer.concat(parts).toString("utf8");
}
