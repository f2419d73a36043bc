/** Several at once, because a cut waits for its server more than it computes. */
const AT_ONCE = 4;

/** Runs `work` on each item, several at once. @throws the first failure, once all started work has ended */
export async function sideBySide<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const left = [...items.entries()];
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined && failures.length === 0; next = left.shift()) {
      const [index, item] = next;
      await work(item, index).catch((reason: unknown) => failures.push(reason));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  if (failures.length > 0) throw failures[0];
}
