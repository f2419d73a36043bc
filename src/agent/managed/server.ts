import { join } from "node:path";
import { diskReads } from "../../../adapters/files/disk.ts";
import { serverAddresses } from "../../config/server-config.ts";
import type { Granted } from "../../core/server/authorization.ts";
import { createSession, type Session } from "../../core/server/session.ts";
import type { Transport } from "../../ports/transport.ts";
import { VERSION } from "../../version.ts";
import { type Base, composeBase } from "../base.ts";
import type { CliIo } from "../io.ts";
import { createLogger } from "../logging.ts";
import type { GlobalOptions } from "../options.ts";
import { composeTransport } from "../transport.ts";
import { composeServerState } from "./schedule.ts";

export interface KeyOptions {
  /** File with the passphrase of the device key; `-` for standard input. */
  readonly passphraseFile?: string;
  /** Content of that file, if it has already been read. */
  readonly passphrase?: string | undefined;
  /** Makes a new device key. */
  readonly forcebootstrap?: boolean;
}

/** What managed mode needs to talk to servers, without the code that installs. */
export interface ServerSide extends Base {
  /** Makes the key if it is missing or must be replaced. @throws {AgentError} DEVICE_KEY, DEVICE_KEY_WRITE */
  ensureKey(): Promise<void>;
  /** The one transport for all requests to servers. @throws {AgentError} CONFIG_INVALID */
  transport(): Promise<Transport>;
  /** Asks the servers to accept the device. @throws {AgentError} AuthorizationFailure, IDENTITY_FAILED, DEVICE_KEY */
  authorize(signal: AbortSignal): Promise<Granted>;
  /**
   * @param authorize given if another process authorizes the device
   * @throws {AgentError} SERVER_NOT_CONFIGURED, SERVER_PLAIN_HTTP, CONFIG_INVALID
   */
  session(authorize?: ServerSide["authorize"]): Promise<Session>;
}

/** @throws {AgentError} CONFIG_INVALID */
export async function composeServer(options: GlobalOptions, keyOptions: KeyOptions, io: CliIo): Promise<ServerSide> {
  const base = await composeBase(options, io);
  const { host, config, paths } = base;
  const { daemonLogLevel, authPrivateKey, tenantToken } = config.server;
  const log = createLogger(io, options, daemonLogLevel);
  const storedValue = composeServerState(paths, log, host);
  const servers = () => {
    // The file that could not be understood may name the server.
    if (config.refusal !== undefined && config.server.urls.length === 0) throw config.refusal;
    return serverAddresses(config.server, config.switchback.allowPlainHttp);
  };
  const file = {
    path: authPrivateKey ?? join(paths.datastore, "mender-agent.pem"),
    isGiven: authPrivateKey !== undefined,
  };
  let { passphrase } = keyOptions;
  const key = async (replace = false) => {
    passphrase ??= await readPassphrase(keyOptions, io.signal);
    const { loadDeviceKey } = await import("../../core/server/device-key.ts");
    return await loadDeviceKey({ ...file, passphrase }, log, { acts: host.files, reads: diskReads }, replace);
  };
  const identity = async (signal: AbortSignal): Promise<string> => {
    const { readIdentity } = await import("../../core/server/identity.ts");
    return await readIdentity(host.process(), join(paths.dataDir, "identity", "mender-device-identity"), signal);
  };
  let connected: Promise<Transport> | undefined;
  const transport = (): Promise<Transport> => {
    connected ??= composeTransport(options, config.connection, io.env, log);
    return connected;
  };
  const exchange = async () => ({ transport: await transport(), clock: host.clock, version: VERSION, log });
  const ownAuthorize: ServerSide["authorize"] = async (signal) => {
    const { authorize } = await import("../../core/server/authorization.ts");
    return await authorize(await exchange(), servers(), { identity, key: () => key(), tenantToken }, signal);
  };
  return {
    ...base,
    log,
    async ensureKey() {
      await key(keyOptions.forcebootstrap);
      // A token that was issued for the old key is useless.
      if (keyOptions.forcebootstrap === true) await storedValue.save(undefined);
    },
    transport,
    authorize: ownAuthorize,
    session: async (authorize = ownAuthorize) =>
      createSession({ servers: servers(), ...(await exchange()), storedValue, authorize }),
  };
}

/** @throws {AgentError} DEVICE_KEY when the file cannot be read; the signal's reason */
export async function readPassphrase({ passphraseFile }: KeyOptions, signal: AbortSignal): Promise<string | undefined> {
  if (passphraseFile === undefined) return undefined;
  return await (await import("../../core/server/passphrase.ts")).readPassphrase(passphraseFile, signal);
}
