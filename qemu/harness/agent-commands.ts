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
}

/** Since version 4, the client's program is `mender-update`. */
const MENDER = '"$(command -v mender-update || echo mender)"';

const commandsOf = (program: string, busy: RegExp): AgentCommands => ({
  install: (url) => `${program} install ${url}`,
  commit: `${program} commit`,
  rollback: `${program} rollback`,
  artifactName: `${program} show-artifact`,
  busy,
});

export const AGENT_COMMANDS: Readonly<Record<AgentName, AgentCommands>> = {
  switchback: commandsOf("switchback", /\bAGENT_BUSY\b/),
  mender: commandsOf(MENDER, /database is locked|resource temporarily unavailable|already running/i),
};
