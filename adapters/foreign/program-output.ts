type Take = (chunk: Uint8Array) => Promise<void>;

/**
 * What `run` hands to its first argument, for somebody who asks for one chunk after the other; a chunk is taken when the
 * next is asked for. Leaving the loop aborts `run`, and waits for its end.
 *
 * @throws whatever `run` throws, after all that it has handed over
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
