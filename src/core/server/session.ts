import { AgentError, describeError } from "../../errors/agent-error.ts";
import { entryOf } from "../../errors/catalogue.ts";
import type { StoredValue } from "../../ports/stored-value.ts";
import type { Logger } from "../../util/logger.ts";
import type { Granted } from "./authorization.ts";
import { type ServerAnswer, type ServerConnection, type ServerRequest, sendToServer, unexpected } from "./exchange.ts";
import { formatServerState, loadServerState, type ServerState } from "./state.ts";

export interface SessionParts extends ServerConnection {
  /** URLs without a trailing slash, in the order in which they are tried. */
  readonly servers: readonly string[];
  /** Asks the servers to accept the device. @throws {AgentError} AuthorizationFailure */
  authorize(signal: AbortSignal): Promise<Granted>;
  readonly storedValue: StoredValue;
  readonly log: Logger;
}

/** The device's authorisation with its servers. */
export interface Session {
  /**
   * Sends a request with the token, and authorises first if there is no token. Replaces a refused token once. With
   * several servers, also replaces a server that cannot be reached.
   *
   * @throws {AgentError} AuthorizationFailure, SERVER_STATUS (401 twice), TRANSPORT_FAILED, SERVER_TIMEOUT
   */
  send(request: ServerRequest, signal: AbortSignal): Promise<ServerAnswer>;
  /** Gets a new token. @throws {AgentError} AuthorizationFailure */
  authorize(signal: AbortSignal): Promise<void>;
  /**
   * Makes the next request authorise again, and the inventory count as not sent. Durable if the state can be written.
   */
  forgetToken(): Promise<void>;
  state(): Promise<ServerState>;
  /** Durable if the state can be written; otherwise it lasts until this process ends. */
  update(change: Partial<ServerState>): Promise<void>;
  /** Drops the cached state, so that the next call reads what another process has stored. */
  reload(): void;
}

export function createSession(parts: SessionParts): Session {
  const { storedValue, servers, log } = parts;
  let known: Promise<ServerState> | undefined;

  const state = (): Promise<ServerState> => {
    known ??= load();
    return known;
  };
  async function load(): Promise<ServerState> {
    try {
      return ofServers(await loadServerState(storedValue, log), servers);
    } catch (error) {
      known = undefined;
      throw error;
    }
  }
  const save = async (next: ServerState): Promise<void> => {
    known = Promise.resolve(next);
    try {
      await storedValue.save(formatServerState(next));
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      // On a full data partition the device must still be able to report what is wrong.
      log("warning", `Cannot store the token, so it is lost when this process ends: ${describeError(error)}`);
    }
  };

  async function grant(signal: AbortSignal): Promise<ServerState> {
    const { due } = await state();
    const granted = await parts.authorize(signal);
    log("info", `Authorised by ${granted.server}`);
    // Drop the inventory's hash: another server, or one that has just accepted the device, may not have the inventory.
    const next = { ...granted, ...(due !== undefined && { due }) };
    await save(next);
    return next;
  }

  async function forgetToken(): Promise<void> {
    const { token, inventoryHash, ...rest } = await state();
    if (token !== undefined || inventoryHash !== undefined) await save(rest);
  }

  const attempt = (request: ServerRequest, { server = "", token = "" }: ServerState, signal: AbortSignal) =>
    sendToServer(
      parts,
      server,
      { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } },
      signal,
    );

  return {
    async send(request, signal) {
      const found = await state();
      const isFresh = found.token === undefined;
      const standing = isFresh ? await grant(signal) : found;
      try {
        const answer = await attempt(request, standing, signal);
        if (answer.status !== 401) return answer;
        await forgetToken();
        if (isFresh) throw unexpected(answer, request.path);
      } catch (error) {
        if (signal.aborted || !isUnreachable(error) || servers.length < 2 || isFresh) throw error;
        log("warning", `${standing.server} cannot be reached: ${describeError(error)}`);
        await forgetToken();
      }
      const answer = await attempt(request, await grant(signal), signal);
      if (answer.status === 401) {
        await forgetToken();
        throw unexpected(answer, request.path);
      }
      return answer;
    },
    async authorize(signal) {
      await forgetToken();
      await grant(signal);
    },
    forgetToken,
    state,
    update: async (change) => save({ ...(await state()), ...change }),
    reload() {
      known = undefined;
    },
  };
}

/** Keeps the token only if its server is still configured. */
function ofServers(state: ServerState, servers: readonly string[]): ServerState {
  const { token, server, inventoryHash, ...rest } = state;
  return server !== undefined && servers.includes(server) ? state : rest;
}

/**
 * A failure that may be temporary for this server, so that another server is worth a try. A refusing proxy counts too.
 */
const isUnreachable = (error: unknown): error is AgentError =>
  error instanceof AgentError && entryOf(error.code).retry === true;
