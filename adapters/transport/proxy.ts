import { AgentError } from "../../src/errors/agent-error.ts";

/** The proxy for each scheme of the target, and the hosts that are reached directly. */
export interface ProxySettings {
  readonly http?: URL;
  readonly https?: URL;
  readonly direct: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads `http_proxy`, `https_proxy` and `no_proxy`, in lower or upper case.
 *
 * @throws {AgentError} CONFIG_INVALID if both cases are set and differ, if a proxy is not an http(s) address, or if a
 * CGI server may have set HTTP_PROXY from a request's `Proxy` header
 */
export function readProxies(env: Environment): ProxySettings {
  if (env["REQUEST_METHOD"] !== undefined && isSet(env["HTTP_PROXY"])) {
    throw new AgentError("CONFIG_INVALID", { variable: "HTTP_PROXY", reason: "set together with REQUEST_METHOD" });
  }
  const http = proxyUrl("http_proxy", env);
  const https = proxyUrl("https_proxy", env);
  // Clients differ in the separator: the Go client expects commas, the C++ client spaces.
  const direct = (eitherCase("no_proxy", env) ?? "").split(/[\s,]+/).filter((entry) => entry !== "");
  return { ...(http && { http }), ...(https && { https }), direct: direct.map((entry) => entry.toLowerCase()) };
}

/** @returns the proxy for requests to `url`, `undefined` for a direct connection */
export function proxyFor(url: URL, { http, https, direct }: ProxySettings): URL | undefined {
  if (http === undefined && https === undefined) return undefined;
  if (direct.some((entry) => isMeant(entry, url))) return undefined;
  return url.protocol === "https:" ? https : http;
}

/**
 * `.example.com` matches every host that ends with it; `example.com`, that host; `example.com:80`, that host and port;
 * `*`, every host.
 */
function isMeant(entry: string, url: URL): boolean {
  if (entry === "*") return true;
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (entry.startsWith(".")) return host.endsWith(entry);
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return entry === host || entry === `[${host}]` || entry === `${url.hostname}:${port}`;
}

const isSet = (value: string | undefined): value is string => value !== undefined && value !== "";

function eitherCase(name: string, env: Environment): string | undefined {
  const lower = env[name];
  const upper = env[name.toUpperCase()];
  if (isSet(lower) && isSet(upper) && lower !== upper) {
    throw new AgentError("CONFIG_INVALID", { variable: name, reason: "differs from the same variable in upper case" });
  }
  return isSet(lower) ? lower : upper;
}

function proxyUrl(variable: string, env: Environment): URL | undefined {
  const text = eitherCase(variable, env);
  if (!isSet(text)) return undefined;
  // `host:port` without a scheme means an http proxy, as in curl and Go.
  const whole = text.includes("://") ? text : `http://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  // The error does not show the value, which may contain a password.
  if (url === undefined || !["http:", "https:"].includes(url.protocol) || url.hostname === "")
    throw new AgentError("CONFIG_INVALID", { variable, reason: "not an http(s) address" });
  if (url.pathname !== "/") throw new AgentError("CONFIG_INVALID", { variable, reason: "has a path" });
  if (!decodes(url.username) || !decodes(url.password))
    throw new AgentError("CONFIG_INVALID", { variable, reason: "name or password is not URL-encoded" });
  return url;
}

function decodes(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    // ignored: the failure to decode is the answer.
    return false;
  }
}
