import { expect } from "vitest";
import type { TestBoard } from "../../support/test-board.ts";

const MAX_BOOTS = 4;

/** The boot loader must never be told to start an incomplete image, even though it would fall back by itself. */
export async function bootsWhatItNames(board: TestBoard): Promise<void> {
  const { mender_boot_part } = await board.env();
  const { slots } = await board.status();
  const named = mender_boot_part === "2" ? slots.A : slots.B;
  expect(named.kind, `slot ${mender_boot_part}`).toBe("complete");
}

/**
 * Starts the board until a system is up that is on trial, or that the next start would bring up again. A further start
 * is needed if the agent has undone an update from within the new system.
 *
 * @param start switches the board off and on; returns whether a system is up
 */
export async function bootToRest(board: TestBoard, start: () => Promise<boolean>): Promise<void> {
  for (let boots = 1; boots <= MAX_BOOTS; boots++) {
    const isUp = await start();
    const { running, trial, next } = await board.status();
    if (isUp && (trial || (next?.kind === "up" && next.slot === running))) return;
  }
  expect.fail(`the board is not at rest after ${MAX_BOOTS} starts`);
}
