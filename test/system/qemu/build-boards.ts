import { BOARD_NAMES } from "../../../qemu/image/board.ts";
import { buildBoard, FASTEST_KERNEL } from "../../../qemu/rig/bench.ts";

/** Before any test has a clock, and one after the other: test files side by side would compile the same kernel. */
export async function setup(): Promise<void> {
  for (const name of BOARD_NAMES) {
    process.stderr.write(`${name}: downloading and building what is not in the cache; a kernel takes minutes\n`);
    await buildBoard(name, { kernel: FASTEST_KERNEL[name] });
  }
}
