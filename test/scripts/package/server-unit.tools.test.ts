import { rmSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { DebianDevice } from "../../docs/walk/debian-device.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import { packPostgres } from "../../support/debian-root.ts";
import { needs } from "../../support/needs.ts";
import { freePort } from "../../support/server/free-port.ts";
import { BuiltPackages } from "./built-packages.ts";

const { test } = needs("root", "chroot", "mknod", "mount", "loop", "namespaces", "cgroup");

const UNIT = "switchback-server.service";
const DATA = "/var/lib/switchback-server";
/** The limit ends a test that hangs: a busy machine may take long to start a database. */
const SOON = { timeout: 200_000, interval: 250 };

let packages: BuiltPackages;
let machine: DebianDevice;
/** The address that the server listens to. The machine shares the network of the tests. */
let local: string;

beforeAll(async () => {
  packages = await BuiltPackages.make();
  machine = await DebianDevice.boot(await BuiltProgram.build());
  const { out } = await machine.machine.run("find /lib /lib64 /usr/lib -name '*.so*'");
  const postgres = packPostgres((path) => out.includes(`/${basename(path)}\n`));
  const folder = await packages.build("0.1.0");
  await machine.bring(postgres, join(folder, "switchback-server_0.1.0_all.deb"));
  rmSync(postgres);
  await machine.must("dpkg -i /packages/*.deb && rm /packages/*.deb");
  const [devices, people] = [await freePort(), await freePort()];
  const lines = `listen: 127.0.0.1:${devices}\nlocal-listen: 127.0.0.1:${people}\n`;
  await machine.must("cat >>/etc/switchback-server/server.yaml", lines);
  local = `http://127.0.0.1:${people}`;
});
afterAll(async () => {
  await machine?.remove();
  packages?.remove();
});

const property = async (name: string): Promise<string> =>
  (await machine.must(`systemctl show --value -p ${name} ${UNIT}`)).trim();
const journal = (): Promise<string> => machine.must(`journalctl --no-pager -o cat -u ${UNIT}`);
/** The processes of the service's user, the server's own PostgreSQL among them. */
const processes = async (): Promise<string> =>
  (await machine.must(`find /proc -maxdepth 1 -name '[0-9]*' -user switchback-server -printf '%f '`)).trim();

/** `ready`, or what stands in the way. */
async function state(): Promise<number | string> {
  try {
    return (await fetch(`${local}/readyz`)).status;
  } catch (error) {
    return String(error);
  }
}
const isReady = () => expect.poll(state, SOON).toBe(200);

test("nothing runs before it is asked to, and the unit starts a server that is ready, with a database of its own", async () => {
  expect(await property("ActiveState")).toBe("inactive");
  await machine.must(`systemctl enable --now ${UNIT}`);
  await isReady();
  expect(await property("ActiveState")).toBe("active");
  expect(await journal()).toMatch(/shown only now: \S+/);
  expect((await processes()).split(" ").length).toBeGreaterThan(2);
});

test("the service has no right that it does not need", async () => {
  const pid = await property("MainPID");
  const status = await machine.must(`cat /proc/${pid}/status`);
  expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
  for (const set of ["Prm", "Eff", "Bnd", "Amb"]) expect(status).toMatch(new RegExp(`^Cap${set}:\\s+0+$`, "m"));
  expect(status).not.toMatch(/^Uid:.*\b0\b/m);
  const writes = (path: string) => machine.run(`nsenter -t ${pid} --mount --root sh -c 'touch ${path} && rm ${path}'`);
  for (const path of ["/etc/x", "/usr/x", "/var/lib/x", "/root/x"]) expect((await writes(path)).exit, path).not.toBe(0);
  expect((await writes(`${DATA}/x`)).exit).toBe(0);
  // It has a /tmp that no other service sees.
  await machine.must("touch /tmp/of-others");
  expect((await machine.run(`nsenter -t ${pid} --mount --root test -e /tmp/of-others`)).exit).toBe(1);
  const { out } = await machine.run(`systemd-analyze security --no-pager ${UNIT}`);
  expect(Number(/Overall exposure level for \S+: (\d+\.\d)/.exec(out)?.[1])).toBeLessThan(3.5);
});

test("a restart ends all its processes and starts new ones, on the same data", async () => {
  const before = new Set((await processes()).split(" "));
  await machine.must(`systemctl restart ${UNIT}`);
  await isReady();
  expect((await processes()).split(" ").filter((pid) => before.has(pid))).toEqual([]);
  expect((await journal()).match(/shown only now: \S+/g)).toHaveLength(1);
});

test("killed with SIGKILL, it comes back by itself, and takes its database with it", async () => {
  const [restarts, before] = [await property("NRestarts"), await property("MainPID")];
  await machine.must(`kill -9 ${before}`);
  await expect.poll(() => property("NRestarts"), SOON).toBe(String(Number(restarts) + 1));
  await isReady();
  expect(await property("MainPID")).not.toBe(before);
  expect((await journal()).match(/shown only now: \S+/g)).toHaveLength(1);
});

test("it stops in peace, and leaves no process behind", async () => {
  await machine.must(`systemctl stop ${UNIT}`);
  expect([await property("ActiveState"), await property("Result")]).toEqual(["inactive", "success"]);
  expect(await processes()).toBe("");
  expect(await state()).toContain("fetch failed");
});

test("a configuration that is wrong is said once: systemd does not try it again and again", async () => {
  await machine.must("echo 'nonsense: 1' >>/etc/switchback-server/server.yaml");
  await machine.run(`systemctl start ${UNIT}`);
  await expect.poll(() => property("ActiveState"), SOON).toBe("failed");
  expect([await property("ExecMainStatus"), await property("NRestarts")]).toEqual(["2", "0"]);
  expect(await journal()).toMatch(/CONFIG_INVALID.*nonsense/);
});
