import { join } from "node:path";
import { bootClock, bootId } from "../adapters/clock/boot-clock.ts";
import { createFileMemo } from "../adapters/store/file-memo.ts";
import type { Machine } from "./compose-machine.ts";
import type { Paths } from "./config/paths.ts";
import type { Memo } from "./ports/memo.ts";

export { bootClock, bootId };

/** What the agent keeps of its standing with the servers, and of its schedule. */
export const composeServerMemo = (paths: Paths, machine?: Machine): Memo =>
  createFileMemo(join(paths.datastore, "switchback-server"), machine?.files);
