import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createScriptDevice, type ScriptDevice } from "./script-device.ts";

const BUSYBOX = "/usr/bin/busybox";

let device: ScriptDevice;
let env: Readonly<Record<string, string>> = {};
beforeEach(async () => {
  device = await createScriptDevice([BUSYBOX, "sh"]);
  const bin = join(device.dir, "bin");
  mkdirSync(bin);
  execFileSync(BUSYBOX, ["--install", "-s", bin]);
  env = { PATH: bin };
});
afterEach(() => device.remove());

const run = (path: string, config: string) => device.run(path, config, env);

test("on a device with nothing but busybox data is backed up, migrated and put back", async () => {
  const config = "data=$dir/app migrate=$dir/migrate";
  await device.write("app/records", "old");
  await device.write("migrate", `#!${BUSYBOX} sh\necho new > "$1/records"\n`, 0o755);
  for (const step of ["ArtifactInstall_Enter_50", "ArtifactCommit_Enter_30"]) {
    expect(await run(`artifact/${step}_keep-data`, config)).toEqual({ exitCode: 0, said: "" });
  }
  expect(readFileSync(join(device.dir, "app/records"), "utf8")).toBe("new\n");
  for (const step of ["ArtifactRollback_Enter_50", "ArtifactFailure_Leave_50"]) {
    expect((await run(`artifact/${step}_keep-data`, config)).exitCode).toBe(0);
  }
  expect(readFileSync(join(device.dir, "app/records"), "utf8")).toBe("old");
});

test("on a device with nothing but busybox the maintenance window opens and closes", async () => {
  const path = "rootfs/Download_Enter_20_maintenance-window";
  expect((await run(path, "from=00:00 to=00:00")).exitCode).toBe(0);
  expect((await run(path, "from=00:00 to=00:00 days=")).exitCode).toBe(21);
  expect((await run(path, "zone=Mars/Olympus")).exitCode).toBe(1);
  // At any time, the window is open in exactly one of two zones that are half a day apart.
  const first = (await run(path, "zone=UTC0 from=00:00 to=12:00")).exitCode;
  const second = (await run(path, "zone=UTC12 from=00:00 to=12:00")).exitCode;
  expect([first, second].toSorted()).toEqual([0, 21]);
});

test("on a device with nothing but busybox an update waits for power, network and a person", async () => {
  const power = "supplies=$dir/power routes=$dir/route routes6=$dir/none";
  await device.write("power/BAT0/type", "Battery\n");
  await device.write("power/BAT0/capacity", "50\n");
  expect((await run("rootfs/Download_Enter_30_power-and-network", power)).exitCode).toBe(0);
  await device.write("power/BAT0/capacity", "10\n");
  expect((await run("rootfs/Download_Enter_30_power-and-network", power)).exitCode).toBe(21);
  await device.write("power/BAT0/capacity", "50\n");
  await device.write("route", "wwan0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n");
  expect((await run("rootfs/Download_Enter_30_power-and-network", power)).exitCode).toBe(21);

  const ask = "question=$dir/ask/question answer=$dir/ask/answer";
  expect((await run("rootfs/Download_Enter_40_ask-a-person", ask)).exitCode).toBe(21);
  writeFileSync(join(device.dir, "ask/answer"), "yes\n");
  expect((await run("rootfs/Download_Enter_40_ask-a-person", ask)).exitCode).toBe(0);
});

test("on a device with nothing but busybox a health check finds what is not fine", async () => {
  const path = "artifact/ArtifactCommit_Enter_50_health-check";
  expect((await run(path, "commands='cat\ntrue'")).exitCode).toBe(0);
  const { exitCode, said } = await run(path, "tries=2 pause_seconds=0\ncommands='true\nfalse'");
  expect(exitCode).toBe(1);
  expect(said).toContain("command 'false' is not fine after 2 tries");
  expect((await run(path, "tries=1\nurls=http://127.0.0.1:9/")).exitCode).toBe(1);
});
