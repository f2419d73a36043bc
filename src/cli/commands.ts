import type { CommandModule } from "./command.ts";
import { register as commit } from "./update/commit.ts";
import { register as install } from "./update/install.ts";
import { register as resume } from "./update/resume.ts";
import { register as rollback } from "./update/rollback.ts";

/**
 * Every command, in the order of the help text. The agent's commands only register here and load their code when they
 * are called; the tools load as a whole.
 */
const COMMANDS: Readonly<Record<string, () => CommandModule | Promise<CommandModule>>> = {
  install: () => ({ register: install }),
  commit: () => ({ register: commit }),
  rollback: () => ({ register: rollback }),
  resume: () => ({ register: resume }),
  "show-artifact": () => import("./update/show-artifact.ts"),
  "show-provides": () => import("./update/show-provides.ts"),
  bootstrap: () => import("./managed/bootstrap.ts"),
  setup: () => import("./managed/setup.ts"),
  takeover: () => import("./managed/takeover.ts"),
  daemon: () => import("./managed/daemon.ts"),
  poll: () => import("./managed/poll.ts"),
  "check-update": () => import("./managed/check-update.ts"),
  "send-inventory": () => import("./managed/send-inventory.ts"),
  snapshot: () => import("./tools/snapshot.ts"),
  doctor: () => import("./tools/doctor.ts"),
  artifact: () => import("./artifact/artifact-command.ts"),
  image: () => import("./image/image-command.ts"),
  yocto: () => import("./yocto/yocto-command.ts"),
  adapter: () => import("./adapter/adapter-command.ts"),
  board: () => import("./tools/board.ts"),
  "state-scripts": () => import("./tools/state-scripts.ts"),
};

const UPDATE_COMMANDS = ["install", "commit", "rollback", "resume", "show-artifact", "show-provides"];

const DAEMON_COMMANDS = ["daemon", "check-update", "send-inventory"];

/** Names of the reference clients' programs. Called by such a name, the program has only that client's commands. */
const CLIENTS: Readonly<Record<string, readonly string[]>> = {
  mender: [...UPDATE_COMMANDS, "bootstrap", "setup", "snapshot", ...DAEMON_COMMANDS],
  "mender-update": [...UPDATE_COMMANDS, ...DAEMON_COMMANDS],
  "mender-auth": ["bootstrap", "daemon"],
  "mender-setup": ["setup"],
  "mender-snapshot": ["snapshot"],
};

export const isClientName = (program: string): boolean => Object.hasOwn(CLIENTS, program);

/** The commands available under the name by which the program was called. */
export function commandsFor(program: string): typeof COMMANDS {
  const own = isClientName(program) ? CLIENTS[program] : undefined;
  if (own === undefined) return COMMANDS;
  const commands = Object.fromEntries(Object.entries(COMMANDS).filter(([name]) => own.includes(name)));
  return program === "mender-auth" ? { ...commands, daemon: () => import("./managed/auth-daemon.ts") } : commands;
}
