import { lookup as resolve } from "node:dns";
import { Agent as PlainAgent } from "node:http";
import { Agent as TlsAgent } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { addressRule } from "./allowed-addresses.ts";

/** The only way to call addresses that people of a tenant have named: it refuses private ones. */
export interface GuardedAgents {
  readonly plain: PlainAgent;
  readonly tls: TlsAgent;
  /** Why a URL cannot be called, as far as one sees without asking for the addresses of its name. */
  refusal(url: string): string | undefined;
  /** What is known of a failure, in few words: it is shown to the people of the tenant. */
  reasonOf(error: unknown, isTimeout: boolean): string;
  close(): void;
}

const SOCKETS_EACH = 8;
const REFUSED = "ADDRESS_REFUSED";
const PRIVATE = "the address is private, and the server does not allow it";

/** @param allowed addresses and networks that are private, and may be called nevertheless */
export function guardedAgents(allowed: readonly string[]): GuardedAgents {
  const isAllowed = addressRule(allowed);
  // A name is checked where its address is used: a second look-up could answer something else.
  const lookup: LookupFunction = (name, options, callback) =>
    resolve(name, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined) callback(error ?? new Error("no address"), "", 0);
      else if (!addresses.every(({ address }) => isAllowed(address)))
        callback(Object.assign(new Error("the address is private"), { code: REFUSED }), "", 0);
      else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  const options = { keepAlive: true, maxSockets: SOCKETS_EACH, maxFreeSockets: SOCKETS_EACH, timeout: 30_000, lookup };
  const plain = new PlainAgent(options);
  const tls = new TlsAgent(options);
  return {
    plain,
    tls,
    refusal(text) {
      const url = URL.canParse(text) ? new URL(text) : undefined;
      if (url === undefined || !/^https?:$/.test(url.protocol)) return "expected https://HOST/PATH";
      if (url.username !== "" || url.password !== "") return "a URL with a user name or a password is not allowed";
      const host = url.hostname.replace(/^\[|\]$/g, "");
      return isIP(host) !== 0 && !isAllowed(host) ? PRIVATE : undefined;
    },
    reasonOf,
    close() {
      plain.destroy();
      tls.destroy();
    },
  };
}

function reasonOf(error: unknown, isTimeout: boolean): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (isTimeout) return "no answer in time";
  if (code === REFUSED) return PRIVATE;
  return (
    REASONS[code] ?? (code === "" || code === "ABORT_ERR" ? "the connection failed" : `the connection failed: ${code}`)
  );
}

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: "the name has no address",
  EAI_AGAIN: "the name cannot be looked up now",
  ECONNREFUSED: "nothing listens at the address",
  ECONNRESET: "the receiver closed the connection",
};
