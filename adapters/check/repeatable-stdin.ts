export type Stdin = string | AsyncIterable<Uint8Array> | undefined;

/** Buffers a program's standard input, so that several runs can read it. */
export async function repeatable(stdin: Stdin): Promise<() => Stdin> {
  if (stdin === undefined || typeof stdin === "string") return () => stdin;
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(Uint8Array.from(chunk));
  return async function* () {
    yield* chunks;
  };
}
