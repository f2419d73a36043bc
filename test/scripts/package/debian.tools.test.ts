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

test("the package installs, enables the services of a device, and starts none where systemd does not run", () => {
  mkdirSync(root.path("usr/share/mender/modules/v3"), { recursive: true });
  writeFileSync(root.path(MODULES, "script"), "mine");
  const done = root.install(deb(old, "0.1.0"));
  expect(done).toMatchObject({ status: 0, err: "" });
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
});

test("the tools install beside the agent, under their own names, and bring no service", () => {
  expect(root.run("mender-artifact", "--version").status).not.toBe(0);
  expect(root.install(deb(next, "0.2.0", "switchback-tools"))).toMatchObject({ status: 0, err: "" });
  expect(root.run("mender-artifact", "--version").out).toMatch(/^mender-artifact version/);
  expect(root.run("switchback-artifact", "read", "--help").out).toContain("switchback artifact read");
  expect(root.run("dpkg", "-L", "switchback-tools").out).not.toMatch(/systemd|\/etc\/./);
  expect(root.run("dpkg", "-P", "switchback-tools")).toMatchObject({ status: 0, err: "" });
});

test("removing keeps configuration and data, and purging takes only what is ours", () => {
  expect(root.run("dpkg", "-r", "switchback")).toMatchObject({ status: 0, err: "" });
  expect(existsSync(root.path("etc/default/switchback"))).toBe(true);
  expect(isLink(`${MODULES}/deb`) || isLink("usr/share/mender/identity/mender-device-identity")).toBe(false);
  expect(readFileSync(root.path(MODULES, "script"), "utf8")).toBe("mine");
  mkdirSync(root.path("run/switchback-programs-0"));
  expect(root.run("dpkg", "-P", "switchback")).toMatchObject({ status: 0, err: "" });
  for (const gone of ["etc/default/switchback", "run/switchback-programs-0", `${WANTS}/switchback-resume.service`])
    expect(lstatSync(root.path(gone), { throwIfNoEntry: false }), gone).toBe(undefined);
  expect(root.shell("find / -xdev -name '*switchback*' -not -path '/packages/*' -not -path '/proc/*'").out).toBe("");
  expect(readFileSync(root.path("etc/mender/mender.conf"), "utf8")).toBe(CONFIG);
  expect(readFileSync(root.path("var/lib/mender/mender-agent.pem"), "utf8")).toBe("a key");
});

test("without a Node that is new enough nothing is unpacked, and dpkg names what is needed", () => {
  expect(root.installNode("18.20.4")).toMatchObject({ status: 0 });
  const done = root.install(deb(next, "0.2.0"));
  expect(done).toMatchObject({ status: 1, err: expect.stringContaining("nodejs (>= 20.19)") });
  expect(existsSync(root.path("usr/bin/switchback"))).toBe(false);
});
