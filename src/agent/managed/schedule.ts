import { join } from "node:path";
import { bootClock, bootId } from "../../../adapters/clock/boot-clock.ts";
import { createCacheMemo } from "../../../adapters/store/cache-memo.ts";
import { createFileMemo } from "../../../adapters/store/file-memo.ts";
import type { Paths } from "../../config/paths.ts";
import type { Memo } from "../../ports/memo.ts";
import type { Logger } from "../../util/logger.ts";
import type { Machine } from "../host.ts";

export { bootClock, bootId };

/** What the agent keeps of its standing with the servers, and of its schedule: it can do without, and then asks again. */
export const composeServerMemo = (paths: Paths, log: Logger, machine?: Machine): Memo =>
  createCacheMemo(serverFile(paths), log, machine?.files);

/** The same for those who only look, without the lock. @throws {AgentError} STORE_READ */
export const lookAtServerMemo = (paths: Paths, machine?: Machine): Memo =>
  createFileMemo(serverFile(paths), machine?.files);

const serverFile = ({ datastore }: Paths): string => join(datastore, "switchback-server");
