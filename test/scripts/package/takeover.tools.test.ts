import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { PENDING } from "../../support/client-stores.ts";
import { DebianRoot } from "../../support/debian-root.ts";
import { needs } from "../../support/needs.ts";
import { BuiltPackages } from "./built-packages.ts";

const { test } = needs("root", "chroot", "mknod", "mount", "namespaces");

const CONFIG = '{ "ServerURL": "https://ota.example.com" }\n';
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const KEY = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
const IDENTITY = "#!/bin/sh\necho serial=0815\n";
/** An update module that keeps what it is given. */
const MODULE = `#!/bin/sh
case $1 in
ArtifactInstall) cp "$2"/files/* /data/ ;;
NeedsArtifactReboot | SupportsRollback) echo No ;;
esac
`;

let packages: BuiltPackages;
let root: DebianRoot;
let ours = "";

beforeAll(async () => {
  packages = await BuiltPackages.make();
  ours = join(await packages.build("0.1.0"), "switchback_0.1.0_all.deb");
  root = await DebianRoot.make();
  expect(root.installNode()).toMatchObject({ status: 0 });
  // The data partition of a device, as images of Mender link it.
  mkdirSync(root.path("data/mender"), { recursive: true });
  symlinkSync("/data/mender", root.path("var/lib/mender"));
  writeFileSync(root.path("data/mender/device_type"), "device_type=board\n");
  writeFileSync(root.path("data/mender/mender-agent.pem"), KEY, { mode: 0o600 });
  expect(root.run("dpkg", "-i", "/packages/mender-client.deb")).toMatchObject({ status: 0 });
  writeFileSync(root.path("etc/mender/mender.conf"), CONFIG);
  writeFileSync(root.path("etc/mender/artifact_info"), "artifact_name=image-1\n");
  writeFileSync(root.path("usr/share/mender/modules/v3/note"), MODULE, { mode: 0o755 });
  writeFileSync(root.path("usr/share/mender/identity/mender-device-identity"), IDENTITY, { mode: 0o755 });
});
afterAll(() => {
  root?.remove();
  packages?.remove();
});

/** Writes an Artifact with the real tool, and installs it with the program. */
function update(program: string, name: string): void {
  writeFileSync(root.path("packages/note"), name);
  const args = ["-t", "board", "-T", "note", "-n", name, "-f", root.path("packages/note"), "-o"];
  execFileSync("mender-artifact", ["write", "module-image", ...args, root.path("packages/note.mender")], {
    stdio: "ignore",
  });
  const done = root.run(program, "install", "/packages/note.mender");
  expect(done, done.err).toMatchObject({ status: 0 });
  expect(readFileSync(root.path("data/note"), "utf8")).toBe(name);
}

const statusOf = (name: string): string => root.shell(`dpkg-query -W -f '\${db:Status-Status}' ${name}`).out;
const named = (program: string): string => root.run(program, "show-artifact").out.trim();
const shared = () => ({
  key: readFileSync(root.path("data/mender/mender-agent.pem"), "utf8"),
  config: readFileSync(root.path("etc/mender/mender.conf"), "utf8"),
  identity: root.run("/usr/share/mender/identity/mender-device-identity").out,
  folder: readlinkSync(root.path("var/lib/mender")),
});
const SAME = { key: KEY, config: CONFIG, identity: "serial=0815\n", folder: "/data/mender" };

test("while an update of the real client is pending, the package is refused by name, and the client stays", () => {
  update("mender", "note-1");
  const store = root.path("data/mender/mender-store");
  copyFileSync(store, `${store}.good`);
  writeFileSync(store, PENDING);
  const done = root.install(ours);
  expect(done).toMatchObject({ status: 1, err: expect.stringMatching(/^switchback: TAKEOVER_PENDING: .*artifact=/m) });
  expect([statusOf("mender-client"), statusOf("switchback")]).toEqual(["installed", "not-installed"]);
  expect(existsSync(root.path("usr/bin/switchback"))).toBe(false);
  expect(readFileSync(store)).toEqual(PENDING);
  copyFileSync(`${store}.good`, store);
  rmSync(`${store}.good`);
  expect(named("mender")).toBe("note-1");
});

test("installing takes the device over: the same key, configuration, identity and name, and then an update", () => {
  const before = readFileSync(root.path("data/mender/mender-store"));
  const done = root.install(ours);
  expect(done, done.err).toMatchObject({
    status: 0,
    out: expect.stringContaining("Taken over from the Mender client."),
  });
  expect(["installed"]).not.toContain(statusOf("mender-client"));
  expect(shared()).toEqual(SAME);
  expect(readFileSync(root.path("data/mender/mender-store"))).toEqual(before);
  expect([named("switchback"), named("mender")]).toEqual(["note-1", "note-1"]);
  expect(lstatSync(root.path("usr/bin/mender")).isSymbolicLink()).toBe(true);
  update("switchback", "note-2");
  expect(named("switchback")).toBe("note-2");
});

test("removing gives the device back: the real client knows what was installed meanwhile", () => {
  expect(root.run("dpkg", "-r", "switchback")).toMatchObject({
    status: 0,
    out: expect.stringContaining("Given back to the Mender client."),
  });
  expect(shared()).toEqual(SAME);
  expect(root.run("dpkg", "-i", "/packages/mender-client.deb")).toMatchObject({ status: 0 });
  expect(named("mender")).toBe("note-2");
  update("mender", "note-3");
  expect(named("mender")).toBe("note-3");
});

test("apt removes the client first: the package asks for the lost link, and then takes over, and purging the old client takes nothing of the device's", () => {
  root.bring(ours);
  const removed = root.apt("install", "./switchback_0.1.0_all.deb");
  expect(removed.status, "apt has removed the client, and dpkg the link, before the package could look").not.toBe(0);
  const [, command = ""] = /Run '(ln -s [^']*)', then install the package again/.exec(removed.err) ?? [];
  expect(command).toBe("ln -s /data/mender /var/lib/mender");
  expect(existsSync(root.path("usr/bin/switchback"))).toBe(false);
  const done = root.shell(`${command} && apt-get -y install /packages/switchback_0.1.0_all.deb`);
  expect(done, done.err).toMatchObject({ status: 0, out: expect.stringContaining("Taken over from") });
  expect(named("switchback")).toBe("note-3");
  expect(root.run("dpkg", "-P", "mender-client").err).not.toContain("switchback");
  expect(shared()).toEqual(SAME);
  expect(named("switchback")).toBe("note-3");
});
