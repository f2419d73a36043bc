import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CliIo } from "../../src/agent/io.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import { errnoOf } from "../../src/util/errno.ts";
import { isJsonObject } from "../../src/util/json-object.ts";
import { type Connection, createConnection } from "../client/connection.ts";

/** Options that each command has. */
export interface GlobalOptions {
  readonly server?: string;
  readonly token?: string;
  readonly tokenValue?: string;
  readonly ca?: string;
  readonly skipVerify?: true;
  readonly json?: true;
}

/** The connection of a command that needs someone who has logged in. @throws {AgentError} FLEET_NO_SERVER, FLEET_NOT_LOGGED_IN */
export function connect(options: GlobalOptions, io: CliIo): Connection {
  const token = options.tokenValue ?? io.env["SWITCHBACK_TOKEN"] ?? storedToken(options, io);
  if (token === undefined) throw new AgentError("FLEET_NOT_LOGGED_IN");
  return connectWith(token, options, io);
}

/** The connection of `login`, which has no token yet. */
export function connectWith(token: string | undefined, options: GlobalOptions, io: CliIo): Connection {
  const known = storedServer(io);
  const server = options.server ?? io.env["SWITCHBACK_SERVER"] ?? known.server;
  if (server === undefined) throw new AgentError("FLEET_NO_SERVER");
  if (!/^https?:\/\/[^/]/.test(server))
    throw new AgentError("OPTION_INVALID", { option: "--server", value: server, expected: "https://HOST:PORT" });
  // What was said at the login holds for that server only.
  const isKnown = server === known.server;
  const ca = options.ca ?? io.env["SWITCHBACK_CA"] ?? (isKnown ? known.ca : undefined);
  return createConnection({
    server,
    token,
    ca,
    skipVerify: options.skipVerify === true || (isKnown && known.skipVerify),
  });
}

/** Keeps a login for later commands. `mender-cli` reads the token from the same file. */
export function storeLogin(token: string, server: string, options: GlobalOptions, io: CliIo): void {
  const ca = options.ca ?? io.env["SWITCHBACK_CA"];
  const settings = {
    server,
    ...(ca !== undefined && { ca }),
    ...(options.skipVerify === true && { skip_verify: true }),
  };
  writePrivate(tokenFile(options, io), token);
  writePrivate(serverFile(io), `${JSON.stringify(settings)}\n`);
}

/** Forgets the token. The server stays. */
export function forgetLogin(options: GlobalOptions, io: CliIo): void {
  rmSync(tokenFile(options, io), { force: true });
}

function storedToken(options: GlobalOptions, io: CliIo): string | undefined {
  const path = tokenFile(options, io);
  const text = readIfThere(path)?.trim();
  if (text === undefined && options.token !== undefined)
    throw new AgentError("OPTION_INVALID", { option: "--token", value: path, reason: "no such file" });
  return text === "" ? undefined : text;
}

interface StoredServer {
  readonly server: string | undefined;
  readonly ca: string | undefined;
  readonly skipVerify: boolean;
}

function storedServer(io: CliIo): StoredServer {
  const text = readIfThere(serverFile(io));
  const value = parsed(text ?? "{}");
  const { server, ca, skip_verify: skipVerify } = isJsonObject(value) ? value : {};
  return {
    server: typeof server === "string" ? server : undefined,
    ca: typeof ca === "string" ? ca : undefined,
    skipVerify: skipVerify === true,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // ignored: a damaged file is like none, and the next login writes it anew.
    return undefined;
  }
}

const home = ({ env }: CliIo): string => env["HOME"] ?? "/";
const tokenFile = ({ token }: GlobalOptions, io: CliIo): string =>
  token ?? join(io.env["XDG_CACHE_HOME"] ?? join(home(io), ".cache"), "mender", "authtoken");
const serverFile = (io: CliIo): string =>
  join(io.env["XDG_CONFIG_HOME"] ?? join(home(io), ".config"), "switchback", "fleet.json");

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT" || errnoOf(cause) === "ENOTDIR") return undefined;
    throw new AgentError("FLEET_FILE", { path }, cause);
  }
}

/** Only the user may read the file, from its first byte on. */
function writePrivate(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, path);
  } catch (cause) {
    // Where the folder is not one, there is nothing to remove either.
    if (errnoOf(cause) !== "ENOTDIR") rmSync(temporary, { force: true });
    throw new AgentError("FLEET_FILE", { path }, cause);
  }
}
