import { AgentError } from "../../src/errors/agent-error.ts";
import { shownUrl } from "../../src/util/shown-url.ts";

/** An http(s) address, parsed once: the daemon polls the same address for months. */
export interface Address {
  readonly url: URL;
  readonly isTls: boolean;
  /** Without the brackets that an IPv6 address has in a URL. */
  readonly host: string;
  readonly port: number;
  /** The value of the `Host` header. */
  readonly authority: string;
  /** Path and query. */
  readonly target: string;
}

export function addressIn(url: URL): Address {
  const isTls = url.protocol === "https:";
  return {
    url,
    isTls,
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port || (isTls ? 443 : 80)),
    authority: url.host,
    target: url.pathname + url.search,
  };
}

/** @throws {AgentError} TRANSPORT_ADDRESS if the text is not an http(s) address */
export function parseAddress(text: string, base?: URL): Address {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return addressIn(url);
  throw new AgentError("TRANSPORT_ADDRESS", { url: shownUrl(text), reason: "not an http(s) address" });
}
