import { afterEach, beforeEach, expect, test } from "vitest";
import { createScriptDevice, type ScriptDevice } from "./script-device.ts";

let device: ScriptDevice;
beforeEach(async () => {
  device = await createScriptDevice();
});
afterEach(() => device.remove());

const PLACES = "supplies=$dir/power routes=$dir/route routes6=$dir/route6";

const run = (config = "") => device.run("rootfs/Download_Enter_30_power-and-network", `${PLACES}\n${config}`);

async function supply(name: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [file, text] of Object.entries(files)) await device.write(`power/${name}/${file}`, `${text}\n`);
}
const battery = (capacity: string, more = {}) => supply("BAT0", { type: "Battery", capacity, ...more });

test("a device without battery and routes is not held", async () => {
  expect(await run()).toEqual({ exitCode: 0, said: "" });
});

test("a battery below the level holds the update, and the log says so", async () => {
  await battery("29");
  expect(await run()).toEqual({
    exitCode: 21,
    said: "power-and-network: the battery BAT0 is at 29 %, 30 % are needed\n",
  });
  expect((await run("min_battery_percent=29")).exitCode).toBe(0);
  expect((await run("min_battery_percent=0")).exitCode).toBe(0);
});

test("a charger that delivers power is enough, unless the board says otherwise", async () => {
  await battery("5");
  await supply("AC", { type: "Mains", online: "1" });
  expect((await run()).exitCode).toBe(0);
  expect((await run("mains_is_enough=no")).exitCode).toBe(21);
  await supply("AC", { type: "Mains", online: "0" });
  expect((await run()).exitCode).toBe(21);
});

test("a mouse's battery and a battery without a known level do not count", async () => {
  await battery("5", { scope: "Device" });
  await supply("BAT1", { type: "Battery" });
  await supply("BAT2", { type: "Battery", capacity: "unknown" });
  expect((await run()).exitCode).toBe(0);
});

const HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";
const route = (name: string, to = "00000000", mask = "00000000") =>
  `${name}\t${to}\t0101A8C0\t0003\t0\t0\t100\t${mask}\t0\t0\t0\n`;
const ZERO = "0".repeat(32);
const route6 = (name: string, length = "00") => `${ZERO} ${length} ${ZERO} 00 ${ZERO} 00000400 1 0 00000003 ${name}\n`;

test("a metered default route holds the update, whatever files are in the agent's folder", async () => {
  await device.write("wwan-settings", "");
  await device.write("route", HEAD + route("wwan0"));
  expect(await run()).toEqual({ exitCode: 21, said: "power-and-network: the network is metered (wwan0)\n" });
  expect((await run('metered_interfaces="usb*"')).exitCode).toBe(0);
  expect((await run("metered_interfaces=")).exitCode).toBe(0);
});

test("a metered interface that leads to one network only, or stands beside a free one, does not", async () => {
  await device.write("route", HEAD + route("wwan0", "0000A8C0", "00FFFFFF"));
  expect((await run()).exitCode).toBe(0);
  await device.write("route", HEAD + route("eth0") + route("wwan0"));
  expect((await run()).exitCode).toBe(0);
});

test("a metered way over IPv6 alone holds the update, the unreachable one of loopback does not", async () => {
  await device.write("route6", route6("lo"));
  expect((await run()).exitCode).toBe(0);
  await device.write("route6", route6("ppp0") + route6("lo"));
  expect((await run()).exitCode).toBe(21);
  await device.write("route6", route6("ppp0", "40"));
  expect((await run()).exitCode).toBe(0);
});

test("a command may decide what is metered", async () => {
  expect((await run("metered_command='test -e $dir/metered'")).exitCode).toBe(0);
  await device.write("metered", "");
  expect((await run("metered_command='test -e $dir/metered'")).exitCode).toBe(21);
});
