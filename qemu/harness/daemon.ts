import type { AgentCommands } from "./agent-commands.ts";

/** On the data partition: it must outlive a reboot into the other slot. */
const CONFIGURATION = "/var/lib/mender/switchback-qemu.conf";
const LOG = "/var/lib/mender/switchback-qemu.log";
/** Stays between the restarts of a daemon that ends. */
const PAUSE_SECONDS = 2;
const POLL_SECONDS = 5;

/** Prints the main and the fallback configuration, with a separator that no JSON contains. */
export const READ_CONFIGURATION =
  "cat /etc/mender/mender.conf 2>/dev/null; printf '\\n\\0\\n'; cat /var/lib/mender/mender.conf 2>/dev/null; true";

/** What says where the server is and how to reach it, in any spelling. */
const OF_ANOTHER_SERVER = ["servers", "serverurl", "servercertificate", "httpsclient", "connectivity"];

/**
 * The configuration of the image, with the harness's server instead of its own, and with short intervals.
 *
 * @param read what `READ_CONFIGURATION` prints
 * @throws {SyntaxError} if one of the files is not JSON
 */
export function daemonConfiguration(read: string, serverUrl: string): string {
  const [main = "", fallback = ""] = read.split("\0").map((text) => text.trim());
  const all: Readonly<Record<string, unknown>> = { ...objectIn(fallback), ...objectIn(main) };
  const kept = Object.entries(all).filter(([name]) => !OF_ANOTHER_SERVER.includes(name.toLowerCase()));
  const own = {
    ServerURL: serverUrl,
    UpdatePollIntervalSeconds: POLL_SECONDS,
    InventoryPollIntervalSeconds: 12 * POLL_SECONDS,
    RetryPollIntervalSeconds: POLL_SECONDS,
  };
  const switchback = { ...(all["Switchback"] as object), AllowPlainHttp: true, DownloadRetryWaitSeconds: 2 };
  return `${JSON.stringify({ ...Object.fromEntries(kept), ...own, Switchback: switchback })}\n`;
}

const objectIn = (text: string): object => (text === "" ? {} : JSON.parse(text));

/**
 * Shell that stops the daemon of the image, and starts one with the configuration on standard input. Like a service
 * manager, it starts the daemon again if it ends.
 */
export const startDaemonWith = ({ daemon, units, scripts }: AgentCommands): string =>
  [
    `if [ -d /run/systemd/system ]; then systemctl stop ${units.join(" ")} 2>/dev/null; fi`,
    `for script in ${scripts.join(" ")}; do if [ -x "$script" ]; then "$script" stop >/dev/null 2>&1; fi; done`,
    `cat >${CONFIGURATION} && chmod 600 ${CONFIGURATION}`,
    `setsid sh -c 'while :; do ${daemon(CONFIGURATION)}; sleep ${PAUSE_SECONDS}; done' </dev/null >>${LOG} 2>&1 &`,
  ].join("\n");

export const READ_DAEMON_LOG = `tail -n 30 ${LOG}`;
