import { join } from "node:path";
import { bootClock, bootId } from "../../../adapters/clock/boot-clock.ts";
import { createCachedValue } from "../../../adapters/store/cached-value.ts";
import { createFileValue } from "../../../adapters/store/file-value.ts";
import type { Paths } from "../../config/paths.ts";
import type { StoredValue } from "../../ports/stored-value.ts";
import type { Logger } from "../../util/logger.ts";
import type { Host } from "../host.ts";

export { bootClock, bootId };

/** A cache of the agent's standing with the servers, and of its schedule. If it is lost, the agent asks again. */
export const composeServerState = (paths: Paths, log: Logger, host?: Host): StoredValue =>
  createCachedValue(serverFile(paths), log, host?.files);

/** Reads the same without the lock. @throws {AgentError} STORE_READ */
export const peekServerState = (paths: Paths, host?: Host): StoredValue =>
  createFileValue(serverFile(paths), host?.files);

const serverFile = ({ datastore }: Paths): string => join(datastore, "switchback-server");
