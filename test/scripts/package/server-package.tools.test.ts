import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { DebianRoot } from "../../support/debian-root.ts";
import { needs } from "../../support/needs.ts";
import { BuiltPackages } from "./built-packages.ts";

const { test } = needs("root", "chroot", "mknod", "mount", "namespaces");

const CONFIG = "etc/switchback-server/server.yaml";
const DATA = "var/lib/switchback-server";

let packages: BuiltPackages;
let root: DebianRoot;

beforeAll(async () => {
  packages = await BuiltPackages.make();
  root = await DebianRoot.make();
  expect(root.installNode()).toMatchObject({ status: 0 });
});
afterAll(() => {
  root?.remove();
  packages?.remove();
});

const install = async (version: string): Promise<void> => {
  const folder = await packages.build(version);
  const debs = ["switchback-server", "switchback-fleet"].map((name) => join(folder, `${name}_${version}_all.deb`));
  const done = root.install(...debs);
  expect(done, done.err).toMatchObject({ status: 0 });
};

test("the packages of the server and of its command line install, and start nothing before you say so", async () => {
  await install("0.1.0");
  expect(root.run("switchback-server", "--version").out).toMatch(/^\d/);
  expect(root.run("switchback-fleet", "--version").out).toMatch(/^\d/);
  expect(root.run("mender-cli", "--help").out).toContain("mender-cli");
  const [, uid = ""] = /^uid=(\d+)\(switchback-server\)/.exec(root.run("id", "switchback-server").out) ?? [];
  const modeOf = (path: string): string => (statSync(root.path(path)).mode & 0o777).toString(8);
  expect([String(statSync(root.path(DATA)).uid), modeOf(DATA), modeOf(CONFIG)]).toEqual([uid, "700", "640"]);
  const [, gid = ""] = /gid=(\d+)\(switchback-server\)/.exec(root.run("id", "switchback-server").out) ?? [];
  expect([statSync(root.path(CONFIG)).uid, String(statSync(root.path(CONFIG)).gid)]).toEqual([0, gid]);
  expect(existsSync(root.path("etc/systemd/system/multi-user.target.wants/switchback-server.service"))).toBe(false);
});

test("the configuration that comes with it holds, and yours stays when you upgrade", async () => {
  const printed = (): string => root.run("switchback-server", "start", "--print-config", "--config", `/${CONFIG}`).out;
  expect(printed()).toMatch(/^data: +\/var\/lib\/switchback-server\b.*server\.yaml/m);
  writeFileSync(root.path(CONFIG), `${readFileSync(root.path(CONFIG), "utf8")}listen: 0.0.0.0:9443\n`);
  await install("0.2.0");
  expect(printed()).toMatch(/^listen: +0\.0\.0\.0:9443\b/m);
});

test("the guide names the packages and the unit, and its command runs as the user of the service", () => {
  const guide = readFileSync("docs/guides/server-production.md", "utf8");
  const [, names = ""] = /^apt-get install (.*)$/m.exec(guide) ?? [];
  expect(names.split(" ")).toEqual(["./switchback-server_*_all.deb", "./switchback-fleet_*_all.deb"]);
  const [, unit = ""] = /^systemctl enable --now (.*)$/m.exec(guide) ?? [];
  expect(existsSync(root.path(`usr/lib/systemd/system/${unit}.service`))).toBe(true);
  const [command = ""] = /^runuser .*$/m.exec(guide) ?? [];
  // The server does not run, which the command says with its exit status.
  expect(root.shell(command)).toMatchObject({ status: 1, out: expect.stringMatching(/not run/) });
});

test("a purge removes the configuration, and leaves the data of the fleet", () => {
  writeFileSync(root.path(DATA, "kept"), "");
  expect(root.run("dpkg", "--purge", "switchback-server", "switchback-fleet")).toMatchObject({ status: 0 });
  expect(existsSync(root.path("etc/switchback-server"))).toBe(false);
  expect(existsSync(root.path(DATA, "kept"))).toBe(true);
});
