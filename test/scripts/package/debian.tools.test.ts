import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { DebianRoot } from "../../support/debian-root.ts";
import { needs } from "../../support/needs.ts";
import { BuiltPackages } from "./built-packages.ts";

const { test } = needs("root", "chroot", "mknod", "mount", "namespaces");

const WANTS = "etc/systemd/system/multi-user.target.wants";
const MODULES = "usr/share/mender/modules/v3";
const CONFIG = '{ "ServerURL": "https://ota.example.com" }\n';

/** An update module that installs until the test lets it go on. */
const WAITING = `#!/bin/sh
case $1 in
ArtifactInstall) touch /installing; until [ -e /go ]; do sleep 0.05; done ;;
SupportsRollback) echo Yes ;;
NeedsArtifactReboot) echo No ;;
esac
`;
/** Folders of this test, of the kernel, and of the device's data. */
const DATA = ["/packages", "/proc", "/var/lib/mender"];
const STORE = "var/lib/mender/switchback-store";

let packages: BuiltPackages;
let root: DebianRoot;
let old = "";
let next = "";

beforeAll(async () => {
  packages = await BuiltPackages.make();
  [old, next] = [await packages.build("0.1.0"), await packages.build("0.2.0")];
  root = await DebianRoot.make();
  expect(root.installNode()).toMatchObject({ status: 0 });
});
afterAll(() => {
  root?.remove();
  packages?.remove();
});

const deb = (folder: string, version: string, name = "switchback"): string =>
  join(folder, `${name}_${version}_all.deb`);
const isLink = (path: string): boolean =>
  lstatSync(root.path(path), { throwIfNoEntry: false })?.isSymbolicLink() ?? false;

test("apt installs the package, enables the services of a device, and starts none where systemd does not run", () => {
  mkdirSync(root.path("usr/share/mender/modules/v3"), { recursive: true });
  writeFileSync(root.path(MODULES, "script"), "mine");
  root.bring(deb(old, "0.1.0"));
  const done = root.apt("install", "./switchback_0.1.0_all.deb");
  expect(done, done.err).toMatchObject({ status: 0 });
  const undocumented = "dpkg --verify switchback | grep -vE '/usr/share/(doc|man)/'";
  expect(root.shell(undocumented).out, "the root has no documents").toBe("");
  expect(root.run("switchback", "--version").out).toMatch(/^\d/);
  expect(root.run("mender-update", "--help").out).toContain("mender-update");
  expect(isLink(`${WANTS}/switchback.service`) && isLink(`${WANTS}/switchback-resume.service`)).toBe(true);
  expect(isLink("etc/systemd/system/timers.target.wants/switchback-poll.timer")).toBe(false);
  expect(lstatSync(root.path("var/lib/mender")).mode & 0o777).toBe(0o700);
  expect(readlinkSync(root.path(MODULES, "deb"))).toBe("/usr/share/switchback/modules/v3/deb");
  expect(readFileSync(root.path(MODULES, "script"), "utf8"), "a module of your own").toBe("mine");
  expect(root.shell("/usr/share/mender/modules/v3/deb SupportsRollback")).toMatchObject({ status: 0, out: "Yes\n" });
});

/** Writes an Artifact for the device with the real tool. @returns its path inside */
function artifact(type: string, name: string, file: string): string {
  writeFileSync(root.path("var/lib/mender/device_type"), "device_type=board\n");
  const args = ["-t", "board", "-T", type, "-n", name, "-f", file, "-o", root.path(`packages/${name}.mender`)];
  execFileSync("mender-artifact", ["write", "module-image", ...args], { stdio: "ignore" });
  return `/packages/${name}.mender`;
}

/** Status and version as dpkg lists them, and files of the package that have changed. */
function state(): string {
  const fields = ["db:Status-Status", "Version"].map((field) => `$\{${field}}`).join(" ");
  const changed = "dpkg --verify switchback | grep -vE '/usr/share/(doc|man)/|/etc/'";
  return root.shell(`dpkg-query -W -f '${fields}' switchback; ${changed}`).out;
}

test("while an update runs, dpkg refuses an upgrade and a removal, and the update ends as if nothing had happened", () => {
  writeFileSync(root.path(MODULES, "wait"), WAITING, { mode: 0o755 });
  const update = artifact("wait", "wait-1", root.path(MODULES, "wait"));
  const [upgrade] = root.bring(deb(next, "0.2.0"));
  const { out, err } = root.shell(`switchback install ${update} >/log 2>&1 &
    until [ -e /installing ] || ! kill -0 $!; do sleep 0.05; done
    dpkg -i ${upgrade} >/dev/null; echo "upgrade: $?"
    dpkg -r switchback >/dev/null; echo "removal: $?"
    touch /go; wait $!; echo "update: $?"; cat /log`);
  expect(out).toMatch(/^upgrade: 1\nremoval: 1\nupdate: 0\n/);
  expect(out).toContain("commit");
  expect(err).toContain("switchback: AGENT_BUSY: An update is running. The installed version stays. Upgrade it after");
  expect(err).toContain("switchback: AGENT_BUSY: An update is running. The package stays. Remove it after");
  expect(state()).toBe("installed 0.1.0");
});

test("a pending update keeps its agent: removing and purging are refused, with the command that ends the update", () => {
  const waits = readFileSync(root.path(STORE), "utf8");
  const advice = (change: (text: string) => string): string => {
    writeFileSync(root.path(STORE), change(waits));
    const done = root.run("dpkg", "-P", "switchback");
    expect(done.status).toBe(1);
    return (
      /UPDATE_IN_PROGRESS: An update is pending\. The package stays\. (.*) Then remove/.exec(done.err)?.[1] ?? done.err
    );
  };
  expect(advice((text) => text.replace('\\"phase\\":\\"before\\"', '\\"phase\\":\\"main\\"'))).toContain("resume");
  expect(advice((text) => text.replace('\\"standalone\\",\\"state', '\\"managed\\",\\"state'))).toContain("poll");
  expect(advice((text) => text)).toMatch(/'switchback commit'.*'switchback rollback'/);
  expect(root.run("dpkg", "-r", "switchback").status).toBe(1);
  expect(state()).toBe("installed 0.1.0");
});

test("an upgrade keeps changed configuration, a disabled service and everything on the data partition", () => {
  writeFileSync(root.path("etc/default/switchback"), "https_proxy=http://proxy:3128\n");
  mkdirSync(root.path("etc/mender"), { recursive: true });
  writeFileSync(root.path("etc/mender/mender.conf"), CONFIG);
  writeFileSync(root.path("var/lib/mender/mender-agent.pem"), "a key");
  rmSync(root.path(WANTS, "switchback.service"));
  expect(root.install(deb(next, "0.2.0"))).toMatchObject({ status: 0, out: expect.not.stringContaining("takeover") });
  expect(readFileSync(root.path("etc/default/switchback"), "utf8")).toBe("https_proxy=http://proxy:3128\n");
  expect(isLink(`${WANTS}/switchback.service`)).toBe(false);
  expect(isLink(`${WANTS}/switchback-resume.service`)).toBe(true);
  expect(readFileSync(root.path("etc/mender/mender.conf"), "utf8")).toBe(CONFIG);
  expect(root.run("switchback", "rollback"), "the update that waited for a decision").toMatchObject({ status: 0 });
});

test("the agent's own update upgrades its package, and the rollback of this update brings the old version back", () => {
  expect(root.run("dpkg", "-i", ...root.bring(deb(old, "0.1.0")))).toMatchObject({ status: 0 });
  const done = root.run("switchback", "install", artifact("deb", "deb-2", deb(next, "0.2.0")));
  expect(done, done.err).toMatchObject({ status: 0 });
  expect(state()).toBe("installed 0.2.0");
  expect(root.run("switchback", "rollback")).toMatchObject({ status: 0 });
  expect(state()).toBe("installed 0.1.0");
  expect(root.install(deb(next, "0.2.0"))).toMatchObject({ status: 0 });
});

test("the tools install beside the agent, under their own names, and bring no service", () => {
  expect(root.run("mender-artifact", "--version").status).not.toBe(0);
  expect(root.install(deb(next, "0.2.0", "switchback-tools"))).toMatchObject({ status: 0, err: "" });
  expect(root.run("mender-artifact", "--version").out).toMatch(/^mender-artifact version/);
  expect(root.run("switchback-artifact", "read", "--help").out).toContain("switchback artifact read");
  expect(root.run("switchback-qemu", "run", "--help").out).toContain("switchback-qemu run disk.img");
  expect(root.run("dpkg", "-L", "switchback-tools").out).not.toMatch(/systemd|\/etc\/./);
  expect(root.run("dpkg", "-P", "switchback-tools")).toMatchObject({ status: 0, err: "" });
});

test("removing keeps configuration and data, and purging takes only what is ours", () => {
  expect(root.run("dpkg", "-r", "switchback")).toMatchObject({ status: 0, err: "" });
  expect(existsSync(root.path("etc/default/switchback"))).toBe(true);
  expect(isLink(`${MODULES}/deb`) || isLink("usr/share/mender/identity/mender-device-identity")).toBe(false);
  expect(readFileSync(root.path(MODULES, "script"), "utf8")).toBe("mine");
  mkdirSync(root.path("run/switchback-programs-0"), { recursive: true });
  expect(root.run("dpkg", "-P", "switchback")).toMatchObject({ status: 0, err: "" });
  for (const gone of ["etc/default/switchback", "run/switchback-programs-0", `${WANTS}/switchback-resume.service`])
    expect(lstatSync(root.path(gone), { throwIfNoEntry: false }), gone).toBe(undefined);
  expect(
    root.shell(`find / -xdev -name '*switchback*' ${DATA.map((path) => `-not -path '${path}/*'`).join(" ")}`).out,
  ).toBe("");
  expect(readFileSync(root.path("etc/mender/mender.conf"), "utf8")).toBe(CONFIG);
  expect(readFileSync(root.path("var/lib/mender/mender-agent.pem"), "utf8")).toBe("a key");
});

test("without a Node that is new enough nothing is unpacked, and dpkg names what is needed", () => {
  expect(root.installNode("18.20.4")).toMatchObject({ status: 0 });
  const done = root.install(deb(next, "0.2.0"));
  expect(done).toMatchObject({ status: 1, err: expect.stringContaining("nodejs (>= 20.19)") });
  expect(root.apt("install", "./switchback_0.2.0_all.deb")).toMatchObject({
    status: 100,
    out: expect.stringMatching(/switchback : (?:Pre)?Depends: nodejs \(>= 20\.19\)/),
  });
  expect(existsSync(root.path("usr/bin/switchback"))).toBe(false);
});
