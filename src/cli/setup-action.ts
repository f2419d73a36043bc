import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { thisMachine } from "../compose-machine.ts";
import { readDeviceType } from "../config/device-type.ts";
import { type Paths, resolvePaths } from "../config/paths.ts";
import { interpretServer, serverAddresses } from "../config/server-config.ts";
import { changeSettings, readSettings, type Settings } from "../config/setup.ts";
import { AgentError } from "../errors/agent-error.ts";
import { replaceFile } from "../util/durable-file.ts";
import type { GlobalOptions } from "./global-options.ts";
import type { CliIo } from "./io.ts";

export interface SetupOptions {
  readonly deviceType?: string;
  readonly url?: string;
  readonly hostedMender?: true;
  readonly serverCert?: string;
  readonly tenantToken?: string;
  readonly updatePoll?: number;
  readonly inventoryPoll?: number;
  readonly retryPoll?: number;
  readonly demoPolling?: true;
  readonly rootfsPartA?: string;
  readonly rootfsPartB?: string;
  readonly quiet?: true;
}

const HOSTED = "https://hosted.mender.io";
const DEMO = { updatePoll: 5, inventoryPoll: 5, retryPoll: 30 };

/**
 * Writes mender.conf, the fallback file where slots are named, and the device type. Everything is checked before
 * anything is written.
 *
 * @throws {AgentError} CLI_USAGE, CONFIG_INVALID, SERVER_PLAIN_HTTP, SETUP_WRITE
 */
export async function setup(global: GlobalOptions, options: SetupOptions, io: CliIo): Promise<void> {
  const paths = resolvePaths(global, io.env);
  const [main, fallback] = [await readSettings(paths.mainConfig), await readSettings(paths.fallbackConfig)];
  const typeFile = textOf(changeSettings(fallback, main), "DeviceTypeFile") ?? join(paths.datastore, "device_type");
  const known = {
    type: await readDeviceType(typeFile).catch(() => undefined), // ignored: a device without one is asked for it.
    url: textOf(main, "ServerURL"),
  };
  const ask = options.quiet === true ? undefined : io.ask;
  const type = options.deviceType ?? (await answer(ask, "Device type", known.type));
  const url =
    options.url ?? (options.hostedMender === true ? HOSTED : await answer(ask, "Address of the server", known.url));
  if (type === undefined) throw new AgentError("CLI_USAGE", { missing: "--device-type" });
  if (url === undefined) throw new AgentError("CLI_USAGE", { missing: "--server-url" });
  if (!/^[\x21-\x7e]{1,4096}$/.test(type)) throw new AgentError("CLI_USAGE", { option: "--device-type", value: type });

  const changed = changeSettings(main, serverKeys(url, options));
  check(changed);
  await write(paths, changed, slotKeys(fallback, options), { file: typeFile, type }, io);
  io.out(`Wrote ${paths.mainConfig}: ${type}, ${url}.`);
}

async function answer(ask: CliIo["ask"], question: string, known: string | undefined): Promise<string | undefined> {
  if (ask === undefined) return known;
  const said = (await ask(known === undefined ? `${question}: ` : `${question} [${known}]: `)).trim();
  return said === "" ? known : said;
}

function serverKeys(url: string, options: SetupOptions): Settings {
  const polls = options.demoPolling === true ? { ...DEMO, ...options } : options;
  return {
    ServerURL: url,
    Servers: undefined,
    ...(options.tenantToken !== undefined && { TenantToken: options.tenantToken }),
    ...(options.serverCert !== undefined && { ServerCertificate: options.serverCert }),
    ...(polls.updatePoll !== undefined && { UpdatePollIntervalSeconds: polls.updatePoll }),
    ...(polls.inventoryPoll !== undefined && { InventoryPollIntervalSeconds: polls.inventoryPoll }),
    ...(polls.retryPoll !== undefined && { RetryPollIntervalSeconds: polls.retryPoll }),
  };
}

/** @returns `undefined` when there is nothing to write */
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
  const server = interpretServer(
    settings,
    () => 1,
    () => undefined,
  );
  serverAddresses(server, allowed);
}

/** The device type last: it alone is of no use, and without it nothing begins. */
async function write(
  paths: Paths,
  main: Settings,
  fallback: Settings | undefined,
  device: { readonly file: string; readonly type: string },
  io: CliIo,
): Promise<void> {
  const { files } = io.machine ?? thisMachine;
  const put = async (path: string, text: string, mode: number): Promise<void> => {
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o755 });
      await replaceFile(path, text, files, mode);
    } catch (cause) {
      throw new AgentError("SETUP_WRITE", { path }, cause);
    }
  };
  const json = (settings: Settings): string => `${JSON.stringify(settings, undefined, 2)}\n`;
  await put(paths.mainConfig, json(main), 0o600);
  if (fallback !== undefined) await put(paths.fallbackConfig, json(fallback), 0o600);
  await put(device.file, `device_type=${device.type}\n`, 0o444);
}

function textOf(settings: Settings, key: string): string | undefined {
  const found = Object.entries(settings).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
  return typeof found === "string" && found !== "" ? found : undefined;
}
