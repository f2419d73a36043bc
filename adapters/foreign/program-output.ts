type Take = (chunk: Uint8Array) => Promise<void>;

/**
 * Turns the chunks that `run` pushes to its first argument into a stream that the caller pulls. The promise of a push
 * resolves when the caller asks for the next chunk. Leaving the loop aborts `run` and waits until it ends.
 *
 * @throws the error of `run`, after all chunks
 */
export async function* outputOf(
  run: (take: Take, stop: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const left = new AbortController();
  const waiting: { readonly chunk: Uint8Array; readonly taken: () => void }[] = [];
  let outcome: { readonly failure?: unknown } | undefined;
  let wake = (): void => undefined;
  const take: Take = (chunk) =>
    new Promise((taken) => {
      if (left.signal.aborted) return taken();
      waiting.push({ chunk, taken });
      wake();
    });
  const running = run(take, AbortSignal.any([signal, left.signal])).then(
    () => {
      outcome = {};
      wake();
    },
    (failure: unknown) => {
      outcome = { failure };
      wake();
    },
  );
  try {
    for (;;) {
      const next = waiting[0];
      if (next !== undefined) {
        yield next.chunk;
        waiting.shift();
        next.taken();
      } else if (outcome !== undefined) {
        if ("failure" in outcome) throw outcome.failure;
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    left.abort();
    for (const { taken } of waiting) taken();
    await running;
  }
}
