import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { dirname, join } from "node:path";
import { thisHost } from "../../agent/host.ts";
import type { CliIo } from "../../agent/io.ts";
import type { GlobalOptions } from "../../agent/options.ts";
import { readDeviceType } from "../../config/device-type.ts";
import { hostsWith } from "../../config/hosts-file.ts";
import { type Paths, resolvePaths } from "../../config/paths.ts";
import { interpretServer, serverAddresses } from "../../config/server-config.ts";
import { changeSettings, readSettings, type Settings } from "../../config/setup.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { ensureFolder } from "../../util/ensure-folder.ts";
import { replaceFile } from "../../util/replace-file.ts";
import { readSmallFile } from "../../util/small-file.ts";

export interface SetupOptions {
  readonly deviceType?: string;
  readonly url?: string;
  readonly hostedMender?: true;
  readonly serverCert?: string;
  readonly tenantToken?: string;
  readonly updatePoll?: number;
  readonly inventoryPoll?: number;
  readonly retryPoll?: number;
  readonly username?: string;
  readonly password?: string;
  readonly demo?: true;
  readonly demoServer?: true;
  readonly demoPolling?: true;
  readonly serverIp?: string;
  readonly hostsFile: string;
  readonly rootfsPartA?: string;
  readonly rootfsPartB?: string;
  readonly quiet?: true;
}

const HOSTED = "https://hosted.mender.io";
const DEMO_SERVER = {
  url: "https://docker.mender.io",
  certificate: "/usr/share/doc/mender-client/examples/demo.crt",
} as const;
const DEMO_POLLS = { updatePoll: 5, inventoryPoll: 5, retryPoll: 30 };

/**
 * Writes mender.conf, the fallback file if slots are named, the address of a demonstration server, and the device type.
 * Checks everything, and fetches the tenant token, before it writes anything.
 *
 * @throws {AgentError} CLI_USAGE, CONFIG_INVALID, SERVER_PLAIN_HTTP, SETUP_WRITE, and the errors of a login
 */
export async function setup(global: GlobalOptions, options: SetupOptions, io: CliIo): Promise<void> {
  const paths = resolvePaths(global, io.env);
  const [main, fallback] = [await readSettings(paths.mainConfig), await readSettings(paths.fallbackConfig)];
  const typeFile = textOf(changeSettings(fallback, main), "DeviceTypeFile") ?? join(paths.datastore, "device_type");
  const known = {
    type: await readDeviceType(typeFile).catch(() => undefined), // ignored: without a stored type, setup asks for it.
    url: addressIn(main),
  };
  const ask = options.quiet === true ? undefined : io.ask;
  const type = options.deviceType ?? (await answer(ask, "Device type", known.type));
  const server = serverOf(options, known.url);
  const url = server.url ?? (await answer(ask, "Address of the server", known.url));
  if (type === undefined) throw new AgentError("CLI_USAGE", { missing: "--device-type" });
  if (url === undefined) throw new AgentError("CLI_USAGE", { missing: "--server-url" });
  if (!/^[\x21-\x7e]{1,4096}$/.test(type)) throw new AgentError("CLI_USAGE", { option: "--device-type", value: type });

  if (options.serverCert !== undefined) checkCertificate(options.serverCert);
  // If the address does not change, a configured list of servers stays too.
  const isKept = server.url === undefined && url === known.url;
  const settings = { ...(!isKept && addressKeys(url)), ...serverKeys(server.certificate, options) };
  check(changeSettings(main, settings));
  const hosts = await hostsOf(url, options);
  const tenantToken = await tenantTokenFor(
    global,
    url,
    server.certificate ?? textOf(main, "ServerCertificate"),
    options,
    io,
  );
  const changed = changeSettings(main, { ...settings, ...(tenantToken !== undefined && { TenantToken: tenantToken }) });
  await write(paths, changed, slotKeys(fallback, options), { file: typeFile, type }, hosts, io);
  io.out(`Wrote ${paths.mainConfig}: ${type}, ${url}.`);
}

/**
 * The server that the options name. A demonstration server has its usual address and its own certificate. An IP address
 * alone belongs to the configured server, or else to a demonstration server.
 */
function serverOf(
  options: SetupOptions,
  known: string | undefined,
): { readonly url?: string; readonly certificate?: string } {
  const { url, hostedMender, serverCert, serverIp } = options;
  if (hostedMender === true && serverIp !== undefined)
    throw new AgentError("CLI_USAGE", { option: "--server-ip", reason: "not with --hosted-mender" });
  const isDemo = hostedMender !== true && (options.demo === true || options.demoServer === true);
  const usual =
    isDemo || (serverIp !== undefined && url === undefined && known === undefined) ? DEMO_SERVER : undefined;
  const address = url ?? (hostedMender === true ? HOSTED : usual?.url);
  const certificate = serverCert ?? usual?.certificate;
  return { ...(address !== undefined && { url: address }), ...(certificate !== undefined && { certificate }) };
}

/** The hosts file with the given address for the server's name; `undefined` if there is nothing to write. */
async function hostsOf(url: string, { serverIp, hostsFile }: SetupOptions): Promise<HostsFile | undefined> {
  if (serverIp === undefined) return undefined;
  if (isIP(serverIp) === 0) throw new AgentError("CLI_USAGE", { option: "--server-ip", value: serverIp });
  const text = await hostsWith(hostsFile, serverIp, new URL(url).hostname);
  return text === undefined ? undefined : { path: hostsFile, text };
}

interface HostsFile {
  readonly path: string;
  readonly text: string;
}

/** Fetches the token of the person who logs in, unless the options give a token. */
async function tenantTokenFor(
  global: GlobalOptions,
  url: string,
  certificate: string | undefined,
  { tenantToken, username, password, quiet }: SetupOptions,
  io: CliIo,
): Promise<string | undefined> {
  if (tenantToken !== undefined || (username === undefined && password === undefined)) return undefined;
  if (username === undefined) throw new AgentError("CLI_USAGE", { missing: "--username" });
  const ask = quiet === true ? undefined : io.ask;
  const secret = password ?? (await ask?.("Password: ", true));
  if (secret === undefined) throw new AgentError("CLI_USAGE", { missing: "--password" });
  const { tenantTokenOf } = await import("../../agent/managed/setup.ts");
  return await tenantTokenOf(global, { url: url.replace(/\/+$/, ""), certificate }, { username, password: secret }, io);
}

async function answer(ask: CliIo["ask"], question: string, known: string | undefined): Promise<string | undefined> {
  if (ask === undefined) return known;
  const said = (await ask(known === undefined ? `${question}: ` : `${question} [${known}]: `)).trim();
  return said === "" ? known : said;
}

const addressKeys = (url: string): Settings => ({ ServerURL: url, Servers: undefined });

function serverKeys(certificate: string | undefined, options: SetupOptions): Settings {
  const isDemo = options.demoPolling === true || options.demo === true;
  const polls = isDemo ? { ...DEMO_POLLS, ...options } : options;
  return {
    ...(options.tenantToken !== undefined && { TenantToken: options.tenantToken }),
    ...(certificate !== undefined && { ServerCertificate: certificate }),
    ...(polls.updatePoll !== undefined && { UpdatePollIntervalSeconds: polls.updatePoll }),
    ...(polls.inventoryPoll !== undefined && { InventoryPollIntervalSeconds: polls.inventoryPoll }),
    ...(polls.retryPoll !== undefined && { RetryPollIntervalSeconds: polls.retryPoll }),
  };
}

/** @throws {AgentError} CLI_USAGE for a file without a certificate, which the agent would later skip with a warning */
function checkCertificate(path: string): void {
  try {
    new X509Certificate(readSmallFile(path));
  } catch (cause) {
    throw new AgentError(
      "CLI_USAGE",
      { option: "--server-cert", value: path, wanted: "a certificate in PEM form" },
      cause,
    );
  }
}

/** @returns `undefined` if there is nothing to write */
function slotKeys(fallback: Settings, { rootfsPartA, rootfsPartB }: SetupOptions): Settings | undefined {
  if (rootfsPartA === undefined && rootfsPartB === undefined) return undefined;
  return changeSettings(fallback, {
    ...(rootfsPartA !== undefined && { RootfsPartA: rootfsPartA }),
    ...(rootfsPartB !== undefined && { RootfsPartB: rootfsPartB }),
  });
}

function check(settings: Settings): void {
  const own = settings["Switchback"];
  const allowed = typeof own === "object" && own !== null && "AllowPlainHttp" in own && own.AllowPlainHttp === true;
  const [ServerURL, Servers] = [settingOf(settings, "ServerURL"), settingOf(settings, "Servers")];
  const server = interpretServer(
    changeSettings(settings, { ServerURL, Servers }),
    () => 1,
    () => undefined,
  );
  serverAddresses(server, allowed);
}

/** Writes the device type last, because the agent does nothing without it. */
async function write(
  paths: Paths,
  main: Settings,
  fallback: Settings | undefined,
  device: { readonly file: string; readonly type: string },
  hosts: HostsFile | undefined,
  io: CliIo,
): Promise<void> {
  const { files } = io.host ?? thisHost;
  const put = async (path: string, text: string, mode?: number): Promise<void> => {
    try {
      await ensureFolder(dirname(path), 0o755, files);
      await replaceFile(path, text, files, mode);
    } catch (cause) {
      throw new AgentError("SETUP_WRITE", { path }, cause);
    }
  };
  const json = (settings: Settings): string => `${JSON.stringify(settings, undefined, 2)}\n`;
  await put(paths.mainConfig, json(main), 0o600);
  if (fallback !== undefined) await put(paths.fallbackConfig, json(fallback), 0o600);
  if (hosts !== undefined) await put(hosts.path, hosts.text);
  await put(device.file, `device_type=${device.type}\n`, 0o444);
}

/** The first server of the settings, from either of the two keys. */
function addressIn(settings: Settings): string | undefined {
  const servers = settingOf(settings, "Servers");
  const first: unknown = Array.isArray(servers) ? servers[0] : undefined;
  return (
    textOf(settings, "ServerURL") ??
    (typeof first === "object" && first !== null ? textOf({ ...first }, "ServerURL") : undefined)
  );
}

const settingOf = (settings: Settings, key: string): unknown =>
  Object.entries(settings).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];

function textOf(settings: Settings, key: string): string | undefined {
  const found = settingOf(settings, key);
  return typeof found === "string" && found !== "" ? found : undefined;
}
