import { type CutStatistics, cutPower } from "../../../qemu/harness/power-cuts.ts";
import { Random } from "../../../qemu/harness/random.ts";
import type { BoardName } from "../../../qemu/image/board.ts";
import { QemuBoard } from "./test-board.ts";

/** Three, so that there is always one that neither slot holds. */
const VERSIONS = ["v2", "v3", "v4"] as const;
/** Of the file that comes first in an image: whatever follows lies elsewhere in the next one, so that all is written. */
const FILLER = { path: "a-filler", bytes: 256 * 1024, moreBytes: 1000 } as const;
/** `e2fsck -p`: clean, or made clean by replaying the journal. */
const CLEAN = /e2fsck of data: [01]$/m;

/** Runs the power cuts of the harness on a board of our own, and also looks at its data partition. */
export async function cutPowerOf(
  name: BoardName,
  cuts: number,
  seed: number,
  tell: (line: string) => void,
): Promise<CutStatistics> {
  const board = await QemuBoard.start(name);
  try {
    const artifacts: string[] = [];
    for (const [index, version] of VERSIONS.entries()) {
      const content = new Random(index).fill(Buffer.alloc(FILLER.bytes + index * FILLER.moreBytes));
      const image = await board.system(version, { [FILLER.path]: { content, mode: 0o644 } });
      artifacts.push(await board.artifact({ name: version, image }));
    }
    board.offer(artifacts);
    return await cutPower(board.device, "A", { cuts, seed, tell, check: (isAtRest) => expectSound(board, isAtRest) });
  } finally {
    await board.remove();
  }
}

/** @throws {Error} if the journal was not enough, or the agent reports another system than the one that runs */
async function expectSound(board: QemuBoard, isAtRest: boolean): Promise<void> {
  const check = (await board.shell("cat /run/e2fsck.log")).stdout;
  if (!CLEAN.test(check)) throw new Error(`the data partition is not clean: ${check}`);
  if (!isAtRest) return;
  const [version, said] = [(await board.shell("cat /etc/version")).stdout.trim(), await board.artifactName()];
  if (version !== said) throw new Error(`${version} runs, and the agent says ${said}`);
}
