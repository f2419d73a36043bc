import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { BOARD_NAMES, isBoardName } from "../qemu/image/board.ts";
import { Bench } from "../qemu/rig/bench.ts";
import { say } from "./lib/run.ts";

const USAGE = `npm run qemu -- BOARD [--kernel NAME] [--keep FOLDER] [--kvm]

Boots a new board for a person, with its console on this terminal and ssh. Ctrl-C cuts its power.

  BOARD          ${BOARD_NAMES.join(" or ")}
  --kernel NAME  one of those in the board's file; by default the first one
  --keep FOLDER  keep the disk there, and go on with it the next time
  --kvm          let this machine's processor run the guest (x86-64-grub only)

Examples:
  npm run qemu -- vexpress-a9
  npm run qemu -- vexpress-a9 --kernel small
  npm run qemu -- x86-64-grub --keep /tmp/board
`;
const UP_MS = 5 * 60_000;

const { values, positionals } = parseArgs({
  options: {
    kernel: { type: "string" },
    keep: { type: "string" },
    kvm: { type: "boolean", default: false },
    help: { type: "boolean", short: "h" },
  },
  allowPositionals: true,
});
const [name = ""] = positionals;
if (values.help === true || !isBoardName(name)) {
  process.stdout.write(USAGE);
  process.exit(values.help === true ? 0 : 1);
}

const folder = values.keep ?? (await mkdtemp(join(tmpdir(), "switchback-qemu-")));
say(`Building ${name}; what is built stays in the cache for the next time.`);
const bench = await Bench.set(name, folder, { kernel: values.kernel });
const machine = await bench.powerOn({ kvm: values.kvm });
machine.console.echo(process.stdout);
process.once("SIGINT", () => void end());
const version = await machine.waitUp(UP_MS);
say(`\n\n${name} is up with version ${version}. It takes no password:`);
say(`  ssh -p ${machine.port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@127.0.0.1`);
say(`The console is in ${folder}/console.log. Ctrl-C cuts the power.`);

async function end(): Promise<void> {
  await bench.powerOff();
  if (values.keep === undefined) await rm(folder, { recursive: true, force: true });
  process.exit(0);
}
