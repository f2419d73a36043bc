import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ArtifactDescription } from "../../../src/cli/artifact/read-schema.ts";
import { makeKeyFiles } from "../../artifact/keys.ts";
import { severalPayloads } from "../../artifact/several-payloads.ts";
import { artifact, failure } from "./run-artifact.ts";

const dir = mkdtempSync(join(tmpdir(), "switchback-modify-"));
const at = (name: string): string => join(dir, name);
afterAll(() => rmSync(dir, { recursive: true }));
const key = makeKeyFiles(dir, "ec");
const script = at("ArtifactInstall_Enter_01_stop");
const later = at("ArtifactCommit_Leave_99");

beforeAll(async () => {
  for (const name of ["image", "app", script, later].map((path) => (path.startsWith("/") ? path : at(path))))
    writeFileSync(name, `content of ${name} `.repeat(100));
  writeFileSync(at("list.json"), "[1]");
  const common = ["-t", "a", "-n", "r1"];
  await artifact("write", "rootfs-image", ...common, "-f", at("image"), "-s", script, "-o", at("rootfs.mender"));
  await artifact("write", "bootstrap-artifact", ...common, "-p", "x:1", "-o", at("bootstrap.mender"));
  await artifact("write", "module-image", ...common, "-T", "mod", "-f", at("app"), "-o", at("module.mender"));
  const parts = [
    { type: "one", files: { app: "first" } },
    { type: "two", files: { app: "second" } },
  ];
  writeFileSync(at("several.mender"), severalPayloads("r1", parts));
});

/** Modifies a copy, which must be valid then. */
async function modified(name: string, ...edit: readonly string[]): Promise<ArtifactDescription> {
  const output = at("modified.mender");
  const io = await artifact("modify", ...edit, "-o", output, at(name));
  expect([io.exitCode, io.errLines, io.outLines]).toEqual([0, [], [`Artifact modified: ${output}`]]);
  const shown = await artifact("read", "--json", output);
  return ArtifactDescription.parse(JSON.parse(shown.outLines.join("")));
}

test("modify replaces the compatible device types, and adds state scripts", async () => {
  const edit = ["--compatible-types", "b", "--compatible-types", "c", "-s", later];
  const { device_types, scripts, payloads } = await modified("rootfs.mender", ...edit);
  expect(device_types).toEqual(["b", "c"]);
  expect(scripts).toEqual(["ArtifactInstall_Enter_01_stop", "ArtifactCommit_Leave_99"]);
  expect(payloads[0]?.files[0]?.size).toBe(statSync(at("image")).size);
  expect(await failure("modify", "-s", script, at("rootfs.mender"))).toMatch(/SCRIPT_DUPLICATE: .*01_stop/);
});

test("modify changes an Artifact without a payload, and one with several, as far as it says which", async () => {
  expect(await modified("bootstrap.mender", "-n", "r2", "-p", "y:2")).toMatchObject({
    name: "r2",
    provides: { artifact_name: "r2", y: "2" },
    payloads: [{ type: null, provides: { y: "2" } }],
  });
  const { name, payloads } = await modified("several.mender", "-n", "r2", "--compression", "gzip");
  expect([name, payloads.map(({ type, files }) => [type, files[0]?.size])]).toEqual([
    "r2",
    [
      ["one", 5],
      ["two", 6],
    ],
  ]);
  expect(await failure("modify", "-p", "x:1", at("several.mender"))).toMatch(/OPTION_INVALID: .*several payloads/);
  expect(await failure("modify", "-m", at("list.json"), at("module.mender"))).toContain("META_DATA_INVALID");
});

test("modify takes away the last of the provides to clear without meaning 'all' by it", async () => {
  const { clears_provides } = await modified("module.mender", "--delete-clears-provides", "rootfs-image.mod.*");
  expect(clears_provides).toEqual([]);
  const two = ["--clears-provides", "x", "--delete-clears-provides", "x"];
  const all = await modified("module.mender", ...two, "--delete-clears-provides", "y");
  expect(all.clears_provides).toEqual(["rootfs-image.mod.*"]);
});

for (const compressor of ["none", "lzma", "zstd", "zstd_fastest", "zstd_best"])
  test(`modify --compression ${compressor} compresses anew, and what was written before comes back`, async () => {
    const [{ payloads }, { payloads: before }] = [
      await modified("rootfs.mender", "--compression", compressor),
      await modified("rootfs.mender"),
    ];
    expect(payloads).toEqual(before);
    expect(await modified("modified.mender", "--compression", "gzip")).toMatchObject({ payloads: before });
  });

test("modify works in place, keeps the mode of the file and the link to it, and leaves no other file", async () => {
  const [target, link] = [at("target.mender"), at("link.mender")];
  writeFileSync(target, readFileSync(at("rootfs.mender")));
  chmodSync(target, 0o640);
  symlinkSync(target, link);
  const before = readdirSync(dir);
  const io = await artifact("modify", "--json", "-k", key.privatePath, link);
  expect(io.outLines.map((line): unknown => JSON.parse(line))).toEqual([{ path: link, signed: true }]);
  expect((await artifact("validate", "-k", key.publicPath, target)).exitCode).toBe(0);
  expect(statSync(target).mode & 0o777).toBe(0o640);
  expect(readdirSync(dir)).toEqual(before);
  const lost = await artifact("modify", "-n", "r2", link);
  expect([lost.exitCode, lost.errLines]).toEqual([0, [expect.stringContaining("the signature of")]]);
});

test("modify refuses what it cannot do in one line, and leaves the Artifact as it is", async () => {
  const damaged = at("damaged.mender");
  const content = readFileSync(at("rootfs.mender"));
  content.writeUInt8(content.readUInt8(content.length - 1100) ^ 1, content.length - 1100);
  writeFileSync(damaged, content);
  for (const [edit, code] of [
    [["-k", key.privatePath], /ARTIFACT_(COMPRESSED_DATA|CHECKSUM|TAR_HEADER)/],
    [["-k", key.publicPath], "KEY_NOT_PRIVATE"],
    [["-p", "nocolon"], "OPTION_INVALID"],
    [["--compression", "brotli"], "OPTION_INVALID"],
    [["--azure-key", "x"], "OPTION_UNSUPPORTED"],
  ] as const)
    expect(await failure("modify", ...edit, damaged)).toMatch(code);
  expect(readFileSync(damaged).equals(content)).toBe(true);
  expect(await failure("modify", "-n", "a\nb", at("rootfs.mender"))).toContain("ARTIFACT_FIELD");
  expect(await failure("modify", "-p", "artifact_name:x", at("rootfs.mender"))).toContain("ARTIFACT_FIELD");
  expect(await failure("modify", "-n", "x", at("nothing"))).toMatch(/ARTIFACT_READ: .*ENOENT/);
});
