import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";

export const MIB = 1024 * 1024;
export const SIZE_MIB = 24;

export function must(command: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  expect(status, `${command} ${args.join(" ")}: ${stderr}`).toBe(0);
}

/** A device at the other end of ssh: this machine, with programs of its own in `bin` and a filesystem at `mounted`. */
export class SshDevice {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
    for (const name of ["bin", "mounted", "data"]) mkdirSync(this.at(name));
    writeFileSync(this.at("disk"), "");
    truncateSync(this.at("disk"), SIZE_MIB * MIB);
    must("mkfs.ext4", "-q", this.at("disk"));
    must("mount", "-o", "loop", this.at("disk"), this.at("mounted"));
    writeFileSync(this.at("mounted/content"), Buffer.alloc(4 * MIB, "content"));
  }

  at(name: string): string {
    return join(this.dir, name);
  }

  program(name: string, shell: string): void {
    writeFileSync(this.at(`bin/${name}`), `#!/bin/sh\n${shell}\n`, { mode: 0o755 });
  }

  /** Our `snapshot dump` under a name of its own, of the device's filesystem: no test may freeze that of the machine. */
  ours(name: string): void {
    const agent = `exec node "${join(process.cwd(), "dist/switchback.mjs")}" -d "${this.at("data")}"`;
    this.program(name, `${agent} "$@" --source "${this.at("mounted")}"`);
  }

  /** The real client finds block devices by links that udev makes. @returns the link, if it was missing */
  linkInDev(): string | undefined {
    const { stdout } = spawnSync("findmnt", ["-nro", "SOURCE,MAJ:MIN", this.at("mounted")], { encoding: "utf8" });
    const [source = "", number = ""] = stdout.trim().split(" ");
    const place = join("/dev/block", number);
    if (existsSync(place)) return undefined;
    mkdirSync("/dev/block", { recursive: true });
    symlinkSync(source, place);
    return place;
  }

  /** Options of ssh with which it starts its own server, for this connection only and without a port. */
  sshOptions(): readonly string[] {
    for (const key of ["host", "user"]) must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", this.at(key));
    const lines = [
      `HostKey ${this.at("host")}`,
      `AuthorizedKeysFile ${this.at("user.pub")}`,
      "StrictModes no",
      "PidFile none",
      `SetEnv PATH=${this.at("bin")}:${process.env["PATH"]}`,
    ];
    writeFileSync(this.at("sshd_config"), lines.map((line) => `${line}\n`).join(""));
    mkdirSync("/run/sshd", { recursive: true });
    const settings = [
      `ProxyCommand=/usr/sbin/sshd -i -f ${this.at("sshd_config")}`,
      `IdentityFile=${this.at("user")}`,
      `UserKnownHostsFile=${this.at("known_hosts")}`,
      "StrictHostKeyChecking=no",
      "LogLevel=ERROR",
    ];
    return settings.flatMap((setting) => ["-o", setting]);
  }

  close(): void {
    spawnSync("umount", [this.at("mounted")]);
  }
}
