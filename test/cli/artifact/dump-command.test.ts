import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { severalPayloads } from "../../artifact/several-payloads.ts";
import { artifact, failure } from "./run-artifact.ts";

const dir = mkdtempSync(join(tmpdir(), "switchback-dump-"));
const at = (name: string): string => join(dir, name);
afterAll(() => rmSync(dir, { recursive: true }));

beforeAll(async () => {
  for (const name of ["app", "data", "ArtifactInstall_Enter_01_stop"]) writeFileSync(at(name), name.repeat(300));
  const common = ["-t", "a", "-n", "r1", "--compression", "none"];
  const files = ["-f", at("app"), "-f", at("data"), "-s", at("ArtifactInstall_Enter_01_stop")];
  await artifact("write", "module-image", ...common, "-T", "mod", ...files, "-o", at("module.mender"));
  await artifact("write", "bootstrap-artifact", ...common, "-p", "x:it's", "-o", at("bootstrap.mender"));
  writeFileSync(
    at("several.mender"),
    severalPayloads(
      "r",
      [1, 2].map((n) => ({ type: `t${n}`, files: { f: "x" } })),
    ),
  );
});

const PARTS = ["--files", at("out/files"), "--scripts", at("out/scripts"), "--meta-data", at("out/meta")];

test("dump of an Artifact without a payload prints how to write it", async () => {
  const { outLines } = await artifact("dump", "--print-cmdline", at("bootstrap.mender"));
  expect(outLines).toEqual([
    "write bootstrap-artifact --artifact-name r1 --device-type a --provides 'x:it'\\''s' --compression none",
  ]);
});

test("dump removes what it has stored when a later part is damaged", async () => {
  const content = readFileSync(at("module.mender"));
  content.write("!", content.lastIndexOf("datadata"));
  writeFileSync(at("damaged.mender"), content);
  expect(await failure("dump", ...PARTS, at("damaged.mender"))).toContain("ARTIFACT_CHECKSUM");
  expect(readdirSync(dir)).not.toContain("out");
});

test("dump replaces no file", async () => {
  mkdirSync(at("out/files"), { recursive: true });
  writeFileSync(at("out/files/data"), "mine");
  expect(await failure("dump", ...PARTS, at("module.mender"))).toMatch(/OUTPUT_FAILED: .*EEXIST/);
  expect(readFileSync(at("out/files/data"), "utf8")).toBe("mine");
  expect(readdirSync(at("out"), { recursive: true }).sort()).toEqual(["files", "files/data"]);
});

test("dump refuses what no command line could write again, and more than one payload", async () => {
  const modify = ["modify", "--delete-clears-provides", "rootfs-image.mod.*", "-o", at("none.mender")];
  await artifact(...modify, at("module.mender"));
  const refused = "OPTION_INVALID: .*";
  expect(await failure("dump", "--print-cmdline", at("none.mender"))).toMatch(new RegExp(`${refused}empty list`));
  expect((await artifact("dump", at("none.mender"))).exitCode).toBe(0);
  expect(await failure("dump", at("several.mender"))).toMatch(new RegExp(`${refused}several payloads`));
  expect(await failure("dump", "--print-cmdline", "--print0-cmdline", at("module.mender"))).toMatch(
    new RegExp(refused),
  );
});
