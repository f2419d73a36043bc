/** The clients that the harness can try. */
export const AGENTS = ["switchback", "mender"] as const;
export type AgentName = (typeof AGENTS)[number];

/** Lines of shell that call the agent on the device. */
export interface AgentCommands {
  install(url: string): string;
  readonly commit: string;
  readonly rollback: string;
  readonly artifactName: string;
  /** Matches the answer while another command of the agent runs. */
  readonly busy: RegExp;
  /** Runs as a daemon with this configuration and no other. */
  daemon(configuration: string): string;
  /** Units of systemd, and scripts of other init systems, that run the agent as a daemon. */
  readonly units: readonly string[];
  readonly scripts: readonly string[];
}

/** Since version 4, the client's program is `mender-update`. */
const MENDER = '"$(command -v mender-update || echo mender)"';

const commandsOf = (
  program: string,
  more: Pick<AgentCommands, "busy" | "daemon" | "units" | "scripts">,
): AgentCommands => ({
  install: (url) => `${program} install ${url}`,
  commit: `${program} commit`,
  rollback: `${program} rollback`,
  artifactName: `${program} show-artifact`,
  ...more,
});

const daemonOf =
  (program: string) =>
  (file: string): string =>
    `${program} --config ${file} --fallback-config ${file} daemon`;

export const AGENT_COMMANDS: Readonly<Record<AgentName, AgentCommands>> = {
  switchback: commandsOf("switchback", {
    busy: /\bAGENT_BUSY\b/,
    daemon: daemonOf("switchback"),
    units: ["switchback-poll.timer", "switchback-poll.service", "switchback.service"],
    scripts: ["/etc/init.d/switchback"],
  }),
  mender: commandsOf(MENDER, {
    busy: /database is locked|resource temporarily unavailable|already running/i,
    daemon: daemonOf("mender"),
    units: ["mender-client.service", "mender.service"],
    scripts: ["/etc/init.d/mender", "/etc/init.d/mender-client"],
  }),
};
