import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../adapters/clock/system-clock.ts";
import { diskReads } from "../../adapters/files/disk.ts";
import { createChildProcess } from "../../adapters/process/child-process.ts";
import { createScriptRunner } from "../../src/core/scripts/runner.ts";
import { createScriptDevice, type ScriptDevice } from "./script-device.ts";

const SCRIPT = "rootfs/Download_Enter_40_ask-a-person";
const PLACES = "question=$dir/ask/question answer=$dir/ask/answer";

let device: ScriptDevice;
beforeEach(async () => {
  device = await createScriptDevice();
});
afterEach(() => device.remove());

test("without an answer it asks, and is tried again later", async () => {
  const { exitCode, said } = await device.run(SCRIPT, PLACES);
  expect(exitCode).toBe(21);
  expect(said).toContain("waiting for an answer");
  expect(await readFile(join(device.dir, "ask/question"), "utf8")).toContain(join(device.dir, "ask/answer"));
});

for (const [answer, exitCode] of [
  ["yes", 0],
  ["yes\n", 0],
  ["no\n", 1],
] as const) {
  test(`the answer ${JSON.stringify(answer)} ends the question, and is good for one update`, async () => {
    await device.run(SCRIPT, PLACES);
    await device.write("ask/answer", answer);
    expect((await device.run(SCRIPT, PLACES)).exitCode).toBe(exitCode);
    expect(await readdir(join(device.dir, "ask"))).toEqual([]);
    expect((await device.run(SCRIPT, PLACES)).exitCode).toBe(21);
  });
}

test("an incomplete answer does not count, and stays", async () => {
  await device.write("ask/answer", "ye");
  expect((await device.run(SCRIPT, PLACES)).exitCode).toBe(21);
  expect(await readFile(join(device.dir, "ask/answer"), "utf8")).toBe("ye");
});

for (const [status, exitCode] of [
  [0, 0],
  [1, 1],
  [2, 21],
] as const) {
  test(`a command that ends with ${status} answers ${exitCode}`, async () => {
    expect((await device.run(SCRIPT, `${PLACES}\ncommand='exit ${status}'`)).exitCode).toBe(exitCode);
  });
}

test("a question that cannot be shown fails, instead of waiting forever", async () => {
  await device.write("ask", "a file in place of the folder");
  expect((await device.run(SCRIPT, PLACES)).exitCode).toBe(1);
});

test("the agent waits until a person says yes", async () => {
  const folder = join(device.dir, "scripts");
  await mkdir(folder);
  await copyFile(join("state-scripts", SCRIPT), join(folder, "Download_Enter_40_ask-a-person"));
  await device.write("conf/ask-a-person.conf", `${PLACES}\n`);
  const env = { ...process.env, SWITCHBACK_SCRIPT_CONF: join(device.dir, "conf"), dir: device.dir };
  const logged: string[] = [];
  const asked = (): number => logged.filter((line) => line.includes("waiting for an answer")).length;
  const runner = createScriptRunner({
    process: createChildProcess({ env }),
    reads: diskReads,
    clock: systemClock,
    log: (_level, message) => void logged.push(message),
    folders: { rootfs: folder, artifact: folder },
    timeouts: { timeoutMs: 10_000, retryIntervalMs: 20, retryTimeoutMs: 10_000 },
  });
  const running = runner.run("Download", "Enter", new AbortController().signal);
  await expect.poll(asked).toBeGreaterThan(1);
  await writeFile(join(device.dir, "ask/answer"), "yes\n");
  await running;
  expect(logged.at(-1)).toBe("Collected output (stdout): ask-a-person: the answer is yes");
});
