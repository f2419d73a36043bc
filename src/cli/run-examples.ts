import { commandsFor } from "./commands.ts";

/** Only examples of commands that exist under the name by which the program was called. */
export function examplesFor(name: string): string {
  const commands = commandsFor(name);
  const known = EXAMPLES.filter((example) => Object.hasOwn(commands, example.split(" ", 1)[0] ?? ""));
  return known.length === 0 ? "" : ["\nExamples:", ...known].join(`\n  ${name} `);
}

/** Lines to paste into a shell. The explanations are shell comments. */
const EXAMPLES = [
  "install release-2.mender      # into the inactive slot; reboot when it is done",
  "commit                        # after the reboot: keep the new system",
  "bootstrap                     # make the device key, and ask the server to accept the device",
  "setup                         # name the device and its server",
  "daemon                        # poll the server, and install what it has",
  "poll --now                    # the same, once",
  "artifact read release-2.mender",
  "board create demo-board       # try it without hardware",
];
