import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const SCRIPT = "identity/mender-device-identity";
const ETHERNET = 1;
const LOOPBACK = 772;

let net: string;
beforeEach(async () => {
  net = await mkdtemp(join(tmpdir(), "switchback-net-"));
});
afterEach(() => rm(net, { recursive: true }));

/** An interface in the form of /sys/class/net. */
async function put(name: string, type: number, index: number, address: string): Promise<void> {
  await mkdir(join(net, name));
  const facts = { type, ifindex: index, address };
  for (const [file, value] of Object.entries(facts)) await writeFile(join(net, name, file), `${value}\n`);
}

test("the identity is the address of the Ethernet interface that the kernel has found first", async () => {
  await put("lo", LOOPBACK, 1, "00:00:00:00:00:00");
  await put("dummy0", ETHERNET, 2, "02:00:00:00:00:02");
  await put("eth0", ETHERNET, 10, "02:00:00:00:00:10");
  await put("wlan0", ETHERNET, 9, "02:00:00:00:00:09");
  await writeFile(join(net, "bonding_masters"), "");
  expect(execFileSync(SCRIPT, [net], { encoding: "utf8" })).toBe("mac=02:00:00:00:00:09\n");
});

test("without such an interface the script fails and prints no identity", async () => {
  await put("lo", LOOPBACK, 1, "00:00:00:00:00:00");
  const { status, stdout, stderr } = spawnSync(SCRIPT, [net], { encoding: "utf8" });
  expect([status, stdout, stderr]).toEqual([1, "", `no Ethernet interface in ${net}\n`]);
});
