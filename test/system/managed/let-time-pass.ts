import { setImmediate, setTimeout } from "node:timers/promises";
import type { VirtualClock } from "../../support/virtual-clock.ts";
import type { Network } from "./network.ts";

const DRIP_MS = 5;
/** Shorter than any idle timeout of a connection. */
const PASSES_BETWEEN_DRIPS_MS = 50_000;

/**
 * Lets `work` go on to its end. Virtual time passes only while nothing happens that takes real time.
 *
 * @param beforeWait is called whenever nothing else is left to do but to wait
 */
export async function letTimePass(
  work: Promise<void>,
  clock: VirtualClock,
  network: Network,
  beforeWait: () => Promise<void> = async () => undefined,
): Promise<void> {
  let isOver = false;
  let wake: () => void = () => undefined;
  clock.onWait = () => wake();
  network.onChange = () => wake();
  const over = work.finally(() => {
    isOver = true;
    wake();
  });
  over.catch(() => undefined); // ignored: the code below awaits it.
  while (!isOver) {
    const change = new Promise<void>((resolve) => {
      wake = resolve;
    });
    await setImmediate();
    if (!network.isSilent || clock.waiting === 0) {
      await change;
      continue;
    }
    await beforeWait();
    if (network.isDripping) {
      await setTimeout(DRIP_MS);
      await clock.pass(PASSES_BETWEEN_DRIPS_MS);
    } else await clock.passToNext();
  }
  await over;
}
