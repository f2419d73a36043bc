import { join } from "node:path";
import { SETUPS, type Setup } from "../../model/world.ts";
import type { CrashBoard } from "./crash-board.ts";

export interface Scenario {
  readonly title: string;
  /** The matching setup of the model. */
  readonly setup: Setup;
  /** What the user does from beginning to end. */
  play(board: CrashBoard, artifacts: string): Promise<void>;
  /** What the user does when the board rests with the update on trial. */
  readonly decision: "commit" | "rollback";
}

export const SCENARIOS: readonly Scenario[] = [
  {
    title: "install and commit",
    setup: setupOf("standalone rootfs-image"),
    decision: "commit",
    async play(board, artifacts) {
      await board.agent("install", join(artifacts, "v2.mender"));
      await board.reboot();
      await board.agent("commit");
    },
  },
  {
    title: "rollback by the boot loader",
    setup: setupOf("standalone rootfs-image that never comes up"),
    decision: "commit",
    async play(board, artifacts) {
      await board.agent("install", join(artifacts, "hangs.mender"));
      await board.reboot();
      await board.powerOn();
      await board.agent("commit");
    },
  },
  {
    title: "rollback by the user",
    setup: setupOf("standalone rootfs-image"),
    decision: "rollback",
    async play(board, artifacts) {
      await board.agent("install", join(artifacts, "v2.mender"));
      await board.reboot();
      await board.agent("rollback");
      await board.reboot();
    },
  },
  {
    title: "failing module",
    setup: setupOf("standalone module"),
    decision: "commit",
    async play(board, artifacts) {
      await board.agent("install", join(artifacts, "fails.mender"));
    },
  },
  {
    title: "several payloads, with scripts",
    setup: setupOf("standalone image and module"),
    decision: "commit",
    async play(board, artifacts) {
      await board.agent("install", join(artifacts, "both.mender"));
      await board.reboot();
      await board.agent("commit");
    },
  },
];

function setupOf(title: string): Setup {
  const found = SETUPS.find((one) => one.title === title);
  if (found === undefined) throw new Error(`no setup of the model is called ${title}`);
  return found;
}
