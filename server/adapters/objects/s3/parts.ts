/**
 * Cuts bytes into parts of exactly `sizeBytes`, and a last one that is smaller or empty: there is always a last one
 * that is not full. Holds one part.
 */
export async function* partsOf(content: AsyncIterable<Uint8Array>, sizeBytes: number): AsyncGenerator<Uint8Array> {
  let part = new Pile();
  for await (const chunk of content)
    for (let at = 0; at < chunk.length; ) {
      const taken = chunk.subarray(at, at + sizeBytes - part.sizeBytes);
      part.add(taken);
      at += taken.length;
      if (part.sizeBytes < sizeBytes) continue;
      yield part.bytes();
      part = new Pile();
    }
  yield part.bytes();
}

class Pile {
  sizeBytes = 0;
  readonly #chunks: Uint8Array[] = [];

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.sizeBytes += chunk.length;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks, this.sizeBytes);
  }
}
