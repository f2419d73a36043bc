import type { CommandModule } from "./command.ts";

/** Every command, loaded when it is called; the order is that of the help text. */
const COMMANDS: Readonly<Record<string, () => Promise<CommandModule>>> = {
  install: () => import("./install.ts"),
  commit: () => import("./commit.ts"),
  rollback: () => import("./rollback.ts"),
  resume: () => import("./resume.ts"),
  "show-artifact": () => import("./show-artifact.ts"),
  "show-provides": () => import("./show-provides.ts"),
  artifact: () => import("./artifact/artifact-command.ts"),
  board: () => import("./board.ts"),
};

/** Names under which the program answers as the reference client does. */
const CLIENT_NAMES: ReadonlySet<string> = new Set(["mender", "mender-update"]);
const CLIENT_COMMANDS: ReadonlySet<string> = new Set([
  "install",
  "commit",
  "rollback",
  "resume",
  "show-artifact",
  "show-provides",
]);

/** The commands that exist under the name by which the program was called. */
export function commandsFor(program: string): Readonly<Record<string, () => Promise<CommandModule>>> {
  if (!CLIENT_NAMES.has(program)) return COMMANDS;
  return Object.fromEntries(Object.entries(COMMANDS).filter(([name]) => CLIENT_COMMANDS.has(name)));
}
