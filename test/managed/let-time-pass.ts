import { setImmediate, setTimeout } from "node:timers/promises";
import type { VirtualClock } from "../support/virtual-clock.ts";
import type { Network } from "./network.ts";

const DRIP_MS = 5;
/** Less than any connection may be idle. */
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
  const over = work.finally(() => {
    isOver = true;
  });
  over.catch(() => undefined); // ignored: it is awaited below.
  while (!isOver) {
    await setImmediate();
    if (!network.isSilent || clock.waiting === 0) continue;
    await beforeWait();
    if (network.isDripping) {
      await setTimeout(DRIP_MS);
      await clock.pass(PASSES_BETWEEN_DRIPS_MS);
    } else await clock.passToNext();
  }
  await over;
}
