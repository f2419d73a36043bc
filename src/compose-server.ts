import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../adapters/clock/system-clock.ts";
import { createFileMemo } from "../adapters/store/file-memo.ts";
import type { GlobalOptions } from "./cli/global-options.ts";
import type { CliIo } from "./cli/io.ts";
import { createLogger } from "./cli/logging.ts";
import { VERSION } from "./cli/version.ts";
import { composeConfig } from "./compose-config.ts";
import { thisMachine } from "./compose-machine.ts";
import { composePaths } from "./compose-paths.ts";
import { composeTransport } from "./compose-transport.ts";
import type { Config } from "./config/config.ts";
import { resolvePaths } from "./config/paths.ts";
import { serverAddresses } from "./config/server-config.ts";
import { loadDeviceKey } from "./core/server/device-key.ts";
import { readIdentity } from "./core/server/identity.ts";
import { createSession, type Session } from "./core/server/session.ts";
import { AgentError } from "./errors/agent-error.ts";

export interface KeyOptions {
  /** File with the passphrase of the device key; `-` for standard input. */
  readonly passphraseFile?: string;
  /** Makes a new device key. */
  readonly forcebootstrap?: boolean;
}

/** What managed mode needs to talk, without anything that installs. */
export interface ServerSide {
  readonly config: Config;
  /** Makes the key, where it is missing or to be replaced. @throws {AgentError} DEVICE_KEY, DEVICE_KEY_WRITE */
  ensureKey(): Promise<void>;
  /** @throws {AgentError} SERVER_NOT_CONFIGURED, SERVER_PLAIN_HTTP, CONFIG_INVALID */
  session(): Promise<Session>;
}

/** @throws {AgentError} CONFIG_INVALID */
export async function composeServer(options: GlobalOptions, keyOptions: KeyOptions, io: CliIo): Promise<ServerSide> {
  const machine = io.machine ?? thisMachine;
  const places = resolvePaths(options, io.env);
  const config = await composeConfig(options, places, createLogger(io, options));
  const paths = composePaths(places, config);
  const { daemonLogLevel, authPrivateKey, tenantToken } = config.server;
  const log = createLogger(io, options, daemonLogLevel);
  const memo = createFileMemo(join(paths.datastore, "switchback-server"), machine.files);
  const file = {
    path: authPrivateKey ?? join(paths.datastore, "mender-agent.pem"),
    isGiven: authPrivateKey !== undefined,
  };
  const key = async (replace = false) =>
    loadDeviceKey({ ...file, passphrase: await passphraseOf(keyOptions) }, log, replace);
  const identity = join(paths.dataDir, "identity", "mender-device-identity");
  return {
    config,
    async ensureKey() {
      await key(keyOptions.forcebootstrap);
      // A token that was given to another key is of no use.
      if (keyOptions.forcebootstrap === true) await memo.save(undefined);
    },
    async session() {
      const servers = serverAddresses(config.server, config.switchback.allowPlainHttp);
      return createSession({
        transport: await composeTransport(options, config.connection, io.env, log),
        clock: systemClock,
        version: VERSION,
        servers,
        memo,
        log,
        credentials: {
          identity: (signal) => readIdentity(machine.process(), identity, signal),
          key: () => key(),
          tenantToken,
        },
      });
    },
  };
}

/** @throws {AgentError} DEVICE_KEY when the file cannot be read */
async function passphraseOf({ passphraseFile }: KeyOptions): Promise<string | undefined> {
  if (passphraseFile === undefined) return undefined;
  try {
    return (await readFile(passphraseFile === "-" ? "/dev/stdin" : passphraseFile, "utf8")).replace(/\r?\n$/, "");
  } catch (cause) {
    throw new AgentError("DEVICE_KEY", { passphraseFile }, cause);
  }
}
