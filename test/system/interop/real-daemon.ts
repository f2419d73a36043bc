import { spawn, spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Daemon, type DaemonScriptRig, REBOOTS } from "../../support/daemon-script-rig.ts";

/** The real client reads fixed paths; a mount namespace puts the test's files there. */
const IN_NAMESPACE = [
  "set -e",
  'dir="$1"; shift',
  'mount --bind "$dir/modules/v3" /usr/share/mender/modules/v3',
  'mount --bind "$dir/identity" /usr/share/mender/identity',
  'mount --bind "$dir/etc" /etc/mender',
  'PATH="$dir/bin:$PATH" exec mender --no-syslog -d "$dir/data" "$@"',
].join("\n");
const inNamespace = (rig: DaemonScriptRig, command: string): readonly string[] => [
  "bash",
  "-c",
  IN_NAMESPACE,
  "bash",
  rig.scripts.dir,
  command,
];
/** In a process namespace, so that everything the daemon has started ends with it, as at a power cut. */
const ALONE = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"] as const;
const LIMIT_MS = 60_000;

/** Made once, because the client needs seconds to generate its key. */
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

export const realDaemon: Daemon = async (rig) => {
  const { dir } = rig.scripts;
  const goingDown = join(dir, "going-down");
  mkdirSync(join(dir, "bin"), { recursive: true });
  writeFileSync(join(dir, "bin/reboot"), `#!/bin/sh\n: >'${goingDown}'\nexec sleep 600\n`, { mode: 0o755 });
  writeFileSync(join(dir, "data/mender-agent.pem"), privateKey.export({ type: "pkcs1", format: "pem" }), {
    mode: 0o600,
  });
  const deadline = Date.now() + LIMIT_MS;
  while (!rig.over.aborted) {
    await live(rig, goingDown, deadline);
    if (!rig.over.aborted && !existsSync(goingDown)) throw new Error(readFileSync(logOf(rig), "utf8"));
    if (!rig.over.aborted) rig.note(REBOOTS);
    rmSync(goingDown, { force: true });
  }
  const shown = spawnSync("unshare", ["--mount", ...inNamespace(rig, "show-artifact")], { encoding: "utf8" });
  return shown.stdout.trim();
};

/** Runs the daemon until the device goes down or nothing more happens. */
async function live(rig: DaemonScriptRig, goingDown: string, deadline: number): Promise<void> {
  const [program, ...options] = ALONE;
  const log = openSync(logOf(rig), "a");
  const child = spawn(program, [...options, ...inNamespace(rig, "daemon")], { stdio: ["ignore", log, log] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  while (!rig.over.aborted && !existsSync(goingDown) && child.exitCode === null && Date.now() < deadline)
    await sleep(10);
  child.kill("SIGKILL");
  await ended;
  closeSync(log);
}

const logOf = (rig: DaemonScriptRig): string => join(rig.scripts.dir, "log");
