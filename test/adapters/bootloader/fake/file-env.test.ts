import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createFileEnv } from "../../../../adapters/bootloader/fake/file-env.ts";
import { diskActs } from "../../../../adapters/files/disk.ts";
import type { FileActs } from "../../../../src/ports/files.ts";

const { signal } = new AbortController();
let folder = "";
let path = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-env-"));
  path = join(folder, "env");
  await writeFile(path, "bootcount=0\nmender_boot_part=2\n");
});
afterEach(() => rm(folder, { recursive: true }));

test("a batch changes its variables, keeps the others, and stays readable as text", async () => {
  const env = createFileEnv(path);
  await env.write(new Map(Object.entries({ mender_boot_part: "3", upgrade_available: "1" })), signal);
  expect(await readFile(path, "utf8")).toBe("bootcount=0\nmender_boot_part=3\nupgrade_available=1\n");
  expect(await env.read(["bootcount", "upgrade_available", "absent"], signal)).toEqual(
    new Map([
      ["bootcount", "0"],
      ["upgrade_available", "1"],
    ]),
  );
});

test("an empty value removes the variable", async () => {
  const env = createFileEnv(path);
  await env.write(new Map([["bootcount", ""]]), signal);
  expect(await readFile(path, "utf8")).toBe("mender_boot_part=2\n");
});

test("a value may hold an equals sign, a line break is refused", async () => {
  const env = createFileEnv(path);
  await env.write(new Map([["bootargs", "root=/dev/sda2 quiet"]]), signal);
  expect((await env.read(["bootargs"], signal)).get("bootargs")).toBe("root=/dev/sda2 quiet");
  await expect(env.write(new Map([["bootargs", "a\nb=c"]]), signal)).rejects.toMatchObject({ code: "BOOTENV_WRITE" });
  await expect(env.write(new Map([["a b", "c"]]), signal)).rejects.toMatchObject({ code: "BOOTENV_WRITE" });
});

test("an environment that is not there is an error, not an empty environment", async () => {
  await rm(path);
  const env = createFileEnv(path);
  await expect(env.read(["bootcount"], signal)).rejects.toMatchObject({ code: "BOOTENV_READ" });
  await expect(env.write(new Map([["bootcount", "1"]]), signal)).rejects.toMatchObject({ code: "BOOTENV_READ" });
});

test("a write that does not arrive is reported", async () => {
  const forgetful: FileActs = { ...diskActs, rename: async () => {} };
  await expect(createFileEnv(path, forgetful).write(new Map([["bootcount", "1"]]), signal)).rejects.toMatchObject({
    code: "BOOTENV_WRITE",
  });
});

for (const act of ["writeSynced", "rename", "syncFolder"] as const) {
  test(`a power cut at ${act} leaves the old variables or the new ones`, async () => {
    for (const done of [false, true]) {
      await writeFile(path, "bootcount=0\nmender_boot_part=2\n");
      const cut: FileActs = {
        ...diskActs,
        [act]: async (first: string, second: string, mode: number) => {
          if (done) await diskActs[act](first, second, mode);
          throw new Error("power cut");
        },
      };
      const write = createFileEnv(path, cut).write(
        new Map(Object.entries({ mender_boot_part: "3", bootcount: "1" })),
        signal,
      );
      await expect(write).rejects.toMatchObject({ code: "BOOTENV_WRITE" });
      const moved = act === "syncFolder" || (act === "rename" && done);
      expect(await readFile(path, "utf8")).toBe(
        moved ? "bootcount=1\nmender_boot_part=3\n" : "bootcount=0\nmender_boot_part=2\n",
      );
    }
  });
}
