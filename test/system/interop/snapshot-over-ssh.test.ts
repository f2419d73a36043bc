import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { run } from "../../../src/cli/run.ts";
import { needs } from "../../support/needs.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { MIB, must, SIZE_MIB, SshDevice } from "./own-ssh.ts";
import { theirs } from "./run-tools.ts";

const { test } = needs("mount", "loop", "ext4");

let dir: string;
let device: SshDevice;
let ssh: readonly string[];
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "switchback-ssh-"));
  device = new SshDevice(dir);
  ssh = device.sshOptions().flatMap((each) => ["-S", each]);
});
afterAll(() => {
  device.close();
  rmSync(dir, { recursive: true });
});
beforeEach(() => {
  rmSync(device.at("bin"), { recursive: true });
  rmSync(device.at("out"), { recursive: true, force: true });
  must("mkdir", device.at("bin"), device.at("out"));
});

const write = (...args: readonly string[]): readonly string[] => [
  ...["write", "rootfs-image", "-t", "toy", "-n", "copy", "--compression", "none", "-o", device.at("out/copy.mender")],
  ...ssh,
  ...args,
];

async function ours(...args: readonly string[]): Promise<RecordingIo> {
  const io = new RecordingIo(false, process.env);
  await run("switchback", ["artifact", ...write(...args)], io);
  return io;
}

/** The real tool unpacks the image, and it holds what the device has. */
function isWholeCopy(): void {
  theirs("validate", device.at("out/copy.mender"));
  theirs("dump", device.at("out/copy.mender"), "--files", device.at("out/dumped"));
  const [image = ""] = spawnSync("find", [device.at("out/dumped"), "-type", "f"], { encoding: "utf8" }).stdout.split(
    "\n",
  );
  must("e2fsck", "-f", "-n", image);
  const content = spawnSync("debugfs", ["-R", "cat content", image], { maxBuffer: SIZE_MIB * MIB }).stdout;
  expect(content.equals(readFileSync(device.at("mounted/content")))).toBe(true);
}

test("mender-artifact makes an Artifact of a device that it reaches by ssh", () => {
  device.ours("mender");
  theirs(...write("-f", "ssh://root@device"));
  isWholeCopy();
});

for (const name of ["switchback", "mender-snapshot", "mender"])
  test(`a device with our program as ${name} becomes an Artifact over ssh`, async () => {
    // Under the name `mender-snapshot`, the command line has no `snapshot`.
    if (name === "mender-snapshot") device.program(name, `exec switchback-agent snapshot "$@"`);
    device.ours(name === "mender-snapshot" ? "switchback-agent" : name);
    const io = await ours("-f", "ssh://root@device:22");
    expect([io.exitCode, io.outLines.length]).toEqual([0, 1]);
    expect(readdirSync(device.at("out"))).toEqual(["copy.mender"]);
    isWholeCopy();
  });

test("a device with the real client becomes an Artifact over ssh", async () => {
  const place = device.linkInDev();
  try {
    const data = `--data "${device.at("data")}" --no-syslog`;
    device.program("mender", `exec /usr/bin/mender ${data} "$@" --source "${device.at("mounted")}"`);
    const io = await ours("-f", "ssh://root@device");
    expect({ exitCode: io.exitCode, out: readdirSync(device.at("out")), said: io.errLines }).toMatchObject({
      exitCode: 0,
      out: ["copy.mender"],
    });
    isWholeCopy();
  } finally {
    if (place !== undefined) rmSync(place);
  }
});

test("an ordinary user is root by sudo, whose question reaches the terminal and whose password does not show", () => {
  device.ours("switchback");
  device.program("id", "echo 1000");
  const check = `[ "$password" = secret ] || exit 1; echo switched >"${device.at("out/sudo")}"`;
  device.program(
    "sudo",
    `[ "$1" = -S ] || exit 8; shift; printf "[sudo] password for user: " >&2; read -r password; ${check}; exec "$@"`,
  );
  const program = ["node", join(process.cwd(), "dist/switchback.mjs"), "artifact", ...write("-f", "ssh://root@device")];
  const line = program.map((word) => `'${word}'`).join(" ");
  const typed = spawnSync("script", ["-qec", line, "/dev/null"], { encoding: "utf8", input: "secret\n" });
  expect(typed.stdout).toContain("[sudo] password for user: ");
  expect(typed.stdout.replace("secret\r\n", "")).not.toContain("secret");
  expect(typed.status).toBe(0);
  expect(readFileSync(device.at("out/sudo"), "utf8")).toBe("switched\n");
  isWholeCopy();
});

for (const [what, shell, line] of [
  ["whose connection breaks", "head -c 5000000 DISK; kill -9 $PPID", /SNAPSHOT_FAILED: .*exit=255/],
  ["whose program fails in the middle", "head -c 5000000 DISK; exit 3", /SNAPSHOT_FAILED: .*exit=3/],
  [
    "whose program reports success too early",
    "head -c 5000000 DISK",
    /SNAPSHOT_TRUNCATED: .*bytes=5000000, expected=25165824/,
  ],
  ["whose program gives nothing", "true", /SNAPSHOT_TRUNCATED: .*bytes=0/],
] as const)
  test(`a device ${what} gives one clear error and no file`, async () => {
    device.program("switchback", shell.replace("DISK", device.at("disk")));
    const io = await ours("-f", "ssh://root@device");
    expect(io.exitCode).toBe(1);
    expect(io.errLines.at(-1)).toMatch(line);
    expect(readdirSync(device.at("out"))).toEqual([]);
  });

test("a device that has no program for snapshots says so", async () => {
  const [own, theirs] = [device.at("bin/own"), device.at("bin/theirs")];
  must("mkdir", own, theirs);
  must("ln", "-s", "/usr/bin/id", theirs);
  device.program("own/ssh", `for last; do :; done; PATH=${theirs} exec /bin/sh -c "$last"`);
  const io = new RecordingIo(false, { ...process.env, PATH: `${own}:${process.env["PATH"]}` });
  await run("switchback", ["artifact", ...write("-f", "ssh://root@device")], io);
  expect(io.errLines.at(-1)).toMatch(/SNAPSHOT_FAILED: .*exit=127, stderr=this device has no program/);
  expect(readdirSync(device.at("out"))).toEqual([]);
});

test("an interrupt ends the copy, and nothing stays behind", async () => {
  device.program("switchback", `echo $$ >"${device.at("out/pid")}"; exec cat /dev/zero`);
  const io = new RecordingIo(false, process.env);
  const ended = run("switchback", ["artifact", ...write("-f", "ssh://root@device")], io);
  await expect.poll(() => readdirSync(device.at("out")).length).toBe(2);
  const reason = new Error("interrupted");
  io.interrupt.abort(reason);
  await expect(ended).rejects.toBe(reason);
  expect(readdirSync(device.at("out"))).toEqual(["pid"]);
});

test("what the request lacks is said before the device is asked", async () => {
  device.program("switchback", `echo asked >"${device.at("out/asked")}"`);
  expect((await ours("-f", "ssh://root@device", "-k", device.at("no-key"))).errLines.join()).toContain(
    "KEY_UNREADABLE",
  );
  for (const url of ["ssh://", "ssh://-oProxyCommand=x", "ssh://a@-b", "ssh://a b", "ssh://host:port", "ssh://a@b/c"]) {
    expect((await ours("-f", url)).errLines.join(), url).toMatch(/OPTION_INVALID: .*option=--file/);
  }
  expect(readdirSync(device.at("out"))).toEqual([]);
});
