import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../adapters/clock/system-clock.ts";
import type { GlobalOptions } from "./cli/global-options.ts";
import type { CliIo } from "./cli/io.ts";
import { createLogger } from "./cli/logging.ts";
import { VERSION } from "./cli/version.ts";
import { type Base, composeBase } from "./compose-base.ts";
import { composeServerMemo } from "./compose-schedule.ts";
import { composeTransport } from "./compose-transport.ts";
import { serverAddresses } from "./config/server-config.ts";
import { loadDeviceKey } from "./core/server/device-key.ts";
import { readIdentity } from "./core/server/identity.ts";
import { createSession, type Session } from "./core/server/session.ts";
import { AgentError } from "./errors/agent-error.ts";
import type { Transport } from "./ports/transport.ts";

export interface KeyOptions {
  /** File with the passphrase of the device key; `-` for standard input. */
  readonly passphraseFile?: string;
  /** Makes a new device key. */
  readonly forcebootstrap?: boolean;
}

/** What managed mode needs to talk, without anything that installs. */
export interface ServerSide extends Base {
  /** Makes the key, where it is missing or to be replaced. @throws {AgentError} DEVICE_KEY, DEVICE_KEY_WRITE */
  ensureKey(): Promise<void>;
  /** One for all that is said to servers. @throws {AgentError} CONFIG_INVALID */
  transport(): Promise<Transport>;
  /** @throws {AgentError} SERVER_NOT_CONFIGURED, SERVER_PLAIN_HTTP, CONFIG_INVALID */
  session(): Promise<Session>;
}

/** @throws {AgentError} CONFIG_INVALID */
export async function composeServer(options: GlobalOptions, keyOptions: KeyOptions, io: CliIo): Promise<ServerSide> {
  const base = await composeBase(options, io);
  const { machine, config, paths } = base;
  const { daemonLogLevel, authPrivateKey, tenantToken } = config.server;
  const log = createLogger(io, options, daemonLogLevel);
  const memo = composeServerMemo(paths, machine);
  const file = {
    path: authPrivateKey ?? join(paths.datastore, "mender-agent.pem"),
    isGiven: authPrivateKey !== undefined,
  };
  // Asked for once: standard input says it only once.
  let passphrase: string | undefined;
  const key = async (replace = false) => {
    passphrase ??= await passphraseOf(keyOptions);
    return await loadDeviceKey({ ...file, passphrase }, log, replace);
  };
  const identity = join(paths.dataDir, "identity", "mender-device-identity");
  let connected: Promise<Transport> | undefined;
  const transport = (): Promise<Transport> => {
    connected ??= composeTransport(options, config.connection, io.env, log);
    return connected;
  };
  return {
    ...base,
    log,
    async ensureKey() {
      await key(keyOptions.forcebootstrap);
      // A token that was given to another key is of no use.
      if (keyOptions.forcebootstrap === true) await memo.save(undefined);
    },
    transport,
    async session() {
      const servers = serverAddresses(config.server, config.switchback.allowPlainHttp);
      return createSession({
        transport: await transport(),
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
