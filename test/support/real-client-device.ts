import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { run } from "../../src/cli/run.ts";
import { RecordingIo } from "./recording-io.ts";

/** What the real client takes from fixed places, it finds there in a mount namespace of its own. */
const IN_NAMESPACE = [
  "set -e",
  'dir="$1"; shift',
  'mount --bind "$dir/share/modules/v3" /usr/share/mender/modules/v3',
  'mount --bind "$dir/share/identity" /usr/share/mender/identity',
  'mount --bind "$dir/etc" /etc/mender',
  'exec mender --no-syslog -d "$dir/data" "$@"',
].join("\n");

/** Accepts every payload, and can be rolled back. Installs nothing while a file of this name is in the datastore. */
export const WAITS = "module-waits";
/** The module makes this file in the datastore when it waits. */
export const IS_WAITING = "module-is-waiting";
const MODULE = `#!/bin/sh
case $1 in
  ArtifactInstall)
    datastore=$2/../../../../..
    while [ -e "$datastore/${WAITS}" ]; do : >"$datastore/${IS_WAITING}"; sleep 0.1; done
    ;;
  NeedsArtifactReboot) echo No ;;
  SupportsRollback) echo Yes ;;
esac
`;

/** A device that the real client of Debian and Switchback can both run, each on the same files. */
export class RealClientDevice {
  readonly dir = mkdtempSync(join(tmpdir(), "switchback-real-client-"));

  constructor(configuration: object) {
    for (const folder of ["data", "etc", "share/identity", "share/modules/v3"])
      mkdirSync(join(this.dir, folder), { recursive: true });
    writeFileSync(this.path("etc/mender.conf"), JSON.stringify(configuration));
    writeFileSync(this.path("etc/artifact_info"), "artifact_name=release-0\n");
    writeFileSync(this.path("data/device_type"), "device_type=board-a\n");
    writeFileSync(this.path("share/modules/v3/testmod"), MODULE, { mode: 0o755 });
    const identity = "#!/bin/sh\necho mac=00:11:22:33:44:55\n";
    writeFileSync(this.path("share/identity/mender-device-identity"), identity, { mode: 0o755 });
    // The real client refuses a payload of less than 4 KiB.
    writeFileSync(this.path("payload"), Buffer.alloc(8 * 1024, "switchback"));
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true });
  }

  /** An Artifact that the real tool writes. */
  artifact(name: string, ...options: readonly string[]): string {
    const path = this.path(`${name}.mender`);
    const args = ["-T", "testmod", "-t", "board-a", "-n", name, "-f", this.path("payload"), "-o", path, ...options];
    const done = spawnSync("mender-artifact", ["write", "module-image", ...args], { encoding: "utf8" });
    expect(done.status, done.stderr).toBe(0);
    return path;
  }

  /** Runs a command of the real client, which must succeed. @returns its output */
  real(...args: readonly string[]): string {
    const argv = ["--mount", "bash", "-c", IN_NAMESPACE, "bash", this.dir, ...args];
    const { status, stdout, stderr } = spawnSync("unshare", argv, { encoding: "utf8" });
    expect(status, `mender ${args.join(" ")}: ${stderr}`).toBe(0);
    return stdout;
  }

  /** Runs the real client's daemon until `isOver`, and kills it as a power cut would. */
  async realDaemon(isOver: () => boolean, limitMs = 60_000): Promise<void> {
    const log = openSync(this.path("log"), "w");
    const alone = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const argv = [...alone, "bash", "-c", IN_NAMESPACE, "bash", this.dir, "daemon"];
    const child: ChildProcess = spawn("unshare", argv, { stdio: ["ignore", log, log] });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    try {
      await expect.poll(isOver, { timeout: limitMs, message: "see the log of the daemon" }).toBe(true);
    } catch (error) {
      throw new Error(readFileSync(this.path("log"), "utf8"), { cause: error });
    } finally {
      child.kill("SIGKILL");
      await ended;
      closeSync(log);
    }
  }

  /** Runs a command of Switchback on the same files, in this process. */
  async ours(...args: readonly string[]): Promise<RecordingIo> {
    const io = new RecordingIo(false, { MENDER_DATA_DIR: this.path("share"), MENDER_CONF_DIR: this.path("etc") });
    await run("switchback", ["-d", this.path("data"), ...args], io);
    return io;
  }
}
