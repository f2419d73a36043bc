import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { diskActs } from "../../../adapters/files/disk.ts";
import { createDeploymentLogFiles } from "../../../adapters/log/deployment-log-files.ts";

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "switchback-logs-")), "data");
});
afterEach(() => rm(join(folder, ".."), { recursive: true }));

const names = async (): Promise<string[]> => (await readdir(folder)).sort();

async function write(id: string, text: string, minFreeBytes = 0): Promise<void> {
  const file = await createDeploymentLogFiles(folder, diskActs, minFreeBytes).open(id);
  file.append(text);
  await file.close();
}

test("each log has its own file that only root reads, and continues there after a restart", async () => {
  await write("d-1", "one\n");
  await write("d-1", "two\n");
  expect(await names()).toEqual(["deployments.0000.d-1.log"]);
  const path = join(folder, "deployments.0000.d-1.log");
  expect(await readFile(path, "utf8")).toBe("one\ntwo\n");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test("five logs are kept, the newest first, and those of another client count among them", async () => {
  await write("d-1", "1\n");
  await rm(join(folder, "deployments.0000.d-1.log"));
  await writeFile(join(folder, "deployments.0001.old.log"), "old\n");
  await writeFile(join(folder, "other"), "");
  for (const id of ["d-2", "d-3", "d-4", "d-5"]) await write(id, `${id}\n`);
  const four = ["deployments.0000.d-5.log", "deployments.0001.d-4.log", "deployments.0002.d-3.log"];
  expect(await names()).toEqual([...four, "deployments.0003.d-2.log", "deployments.0004.old.log", "other"]);
  await write("d-6", "6\n");
  expect(await names()).toEqual([
    ...["deployments.0000.d-6.log", "deployments.0001.d-5.log", "deployments.0002.d-4.log"],
    ...["deployments.0003.d-3.log", "deployments.0004.d-2.log", "other"],
  ]);
  expect(await readFile(join(folder, "deployments.0004.d-2.log"), "utf8")).toBe("d-2\n");
});

test("where the device is full, older logs make room for the new one", async () => {
  for (const id of ["d-1", "d-2"]) await write(id, `${id}\n`);
  await write("d-3", "3\n", Number.MAX_SAFE_INTEGER);
  expect(await names()).toEqual(["deployments.0000.d-3.log"]);
});

test("an id that is no file name stays in the folder", async () => {
  await write("../../a/b", "text\n");
  expect(await names()).toEqual(["deployments.0000...%2F..%2Fa%2Fb.log"]);
});

test("the tail is the end of the log, and says whether more stands before it", async () => {
  const file = await createDeploymentLogFiles(folder).open("d-1");
  file.append("first\nsecond\n");
  expect(await file.tail(7)).toEqual({ text: "second\n", isCut: true });
  expect(await file.tail(100)).toEqual({ text: "first\nsecond\n", isCut: false });
  await file.close();
  await expect(file.tail(7)).rejects.toMatchObject({ code: "DEPLOYMENT_LOG" });
});

test("a log that grows without end keeps its newest lines and does not fill the device", async () => {
  const file = await createDeploymentLogFiles(folder).open("d-1");
  const line = (n: number): string => `${String(n).padStart(1023, "0")}\n`;
  for (let n = 0; n < 5000; n += 1) file.append(line(n));
  const { text } = await file.tail(1_000_000);
  await file.close();
  const { size } = await stat(join(folder, "deployments.0000.d-1.log"));
  expect(size).toBeLessThanOrEqual(2 * 1024 * 1024);
  expect(size).toBeGreaterThan(1024 * 1024 - 1024);
  expect(size % 1024).toBe(0);
  expect(text.endsWith(line(4998) + line(4999))).toBe(true);
});

test("a log that cannot be opened is a named failure, and one that cannot be written is just lost", async () => {
  await writeFile(join(folder, "..", "file"), "");
  await expect(createDeploymentLogFiles(join(folder, "..", "file")).open("d-1")).rejects.toMatchObject({
    code: "DEPLOYMENT_LOG",
  });
  const file = await createDeploymentLogFiles(folder).open("d-1");
  await file.close();
  expect(() => file.append("late\n")).not.toThrow();
});
