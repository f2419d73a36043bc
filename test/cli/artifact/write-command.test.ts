import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { run } from "../../../src/cli/run.ts";
import { makeKeyFiles } from "../../artifact/keys.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { artifact, failure } from "./run-artifact.ts";

const dir = mkdtempSync(join(tmpdir(), "switchback-write-"));
afterAll(() => rmSync(dir, { recursive: true }));
const put = (name: string, content: string): string => {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
};
const CONTENT = "content ".repeat(64);
const image = put("image", CONTENT);
const folder = join(dir, "out");
const output = join(folder, "a.mender");
beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
});
const rootfsOf = (path: string): string[] => [
  "write",
  "rootfs-image",
  "-t",
  "board-a",
  "-n",
  "release-1",
  "-f",
  path,
  "-o",
  output,
];
const ROOTFS = rootfsOf(image);
const MODULE = ["write", "module-image", "-t", "board-a", "-n", "release-1", "-T", "mod", "-f", image, "-o", output];

test("write describes the written Artifact in one line, or with --json in one object", async () => {
  const people = await artifact(...ROOTFS, "--compression", "none");
  const size = readFileSync(output).length;
  expect(people.outLines).toEqual([`Artifact release-1 written to ${output} (${size} bytes)`]);
  const machine = await artifact(...ROOTFS, "--compression", "none", "--json");
  expect(machine.outLines.map((line): unknown => JSON.parse(line))).toEqual([
    {
      path: output,
      size,
      name: "release-1",
      compression: "none",
      signed: false,
      scripts: [],
      payload: {
        type: "rootfs-image",
        files: [{ name: "image", size: 512, sha256: createHash("sha256").update(CONTENT).digest("hex") }],
      },
    },
  ]);
});

test("older and newer spellings of options are taken", async () => {
  const given = [
    "write",
    "bootstrap-artifact",
    "--name",
    "release-1",
    "--compatible-types",
    "board-a",
    "--output-path",
  ];
  expect((await artifact(...given, output, "--version", "3", "--no-progress")).exitCode).toBe(0);
  const read = await artifact("read", "--json", output);
  expect(JSON.parse(read.outLines[0] ?? "")).toMatchObject({ name: "release-1", device_types: ["board-a"] });
});

test("names and device types may have blanks in them, and -c is a spelling of --compatible-types", async () => {
  const written = ["write", "bootstrap-artifact", "-n", "release 1 of 3", "-c", "board a", "-c", "board b"];
  expect((await artifact(...written, "-g", "my group", "-o", output)).exitCode).toBe(0);
  const read = await artifact("read", "--json", output);
  expect(JSON.parse(read.outLines[0] ?? "")).toMatchObject({
    name: "release 1 of 3",
    group: "my group",
    device_types: ["board a", "board b"],
  });
});

test("an Ed25519 key signs with a warning, and the signature is found valid here", async () => {
  const key = makeKeyFiles(dir, "ed25519");
  const io = await artifact(...ROOTFS, "-k", key.privatePath);
  expect(io.errLines).toEqual([
    `warning: ${key.privatePath} is an Ed25519 key: no other Mender client verifies its signatures`,
  ]);
  expect((await artifact("validate", "-k", key.publicPath, output)).exitCode).toBe(0);
});

for (const [what, args, line] of [
  ["without a name", ["write", "rootfs-image", "-t", "a", "-f", image], "OPTION_MISSING: .*option=--artifact-name"],
  [
    "without a device type",
    ["write", "rootfs-image", "-n", "a", "-f", image],
    "OPTION_MISSING: .*option=--device-type",
  ],
  ["without an image", ["write", "rootfs-image", "-n", "a", "-t", "a"], "OPTION_MISSING: .*option=--file"],
  ["without a payload type", ["write", "module-image", "-n", "a", "-t", "a"], "OPTION_MISSING: .*option=--type"],
  ["of version 2", [...ROOTFS, "-v", "2"], "OPTION_INVALID: .*value=2, reason=version 2 is only read"],
  ["of version 4", [...ROOTFS, "-v", "4"], "OPTION_INVALID: .*value=4, reason=only version 3 is written"],
  [
    "with an unknown compression",
    [...ROOTFS, "--compression", "brotli"],
    "OPTION_INVALID: .*known=none gzip lzma zstd",
  ],
  ["with two images", [...ROOTFS, "-f", image], "OPTION_INVALID: .*a rootfs-image is one file"],
  ["with provides without a colon", [...ROOTFS, "-p", "colour"], "OPTION_INVALID: .*value=colour, reason=no colon"],
  ["with depends without a colon", [...MODULE, "-d", "ram"], "OPTION_INVALID: .*option=--depends, value=ram"],
  ["to standard output", [...ROOTFS, "-o", "-"], "OPTION_INVALID: .*a file is needed"],
  ["of a device without a name", rootfsOf("ssh://"), "OPTION_INVALID: .*option=--file, value=ssh://"],
  ["with --gcp-kms-key", [...MODULE, "--gcp-kms-key", "x"], "OPTION_UNSUPPORTED: .*option=--gcp-kms-key"],
  ["with an augmented type", [...MODULE, "--augment-type", "x"], "OPTION_UNSUPPORTED: .*option=--augment-type"],
  ["with an augmented file", [...MODULE, "--augment-file", "x"], "OPTION_UNSUPPORTED: .*option=--augment-file"],
  ["of an image of no bytes", rootfsOf(put("empty", "")), "IMAGE_TOO_SMALL: .*bytes=0, minBytes=512"],
  ["of an image below a sector", rootfsOf(put("short", "x".repeat(511))), "IMAGE_TOO_SMALL: .*bytes=511"],
  ["with an empty name", [...ROOTFS, "-n", ""], "ARTIFACT_FIELD: .*field=artifact name, value=, reason=empty"],
  ["with a tab in its name", [...ROOTFS, "-n", "a\tb"], "ARTIFACT_FIELD: .*not printable"],
  [
    "with both spellings of the device type",
    [...ROOTFS, "-c", "b"],
    "OPTION_INVALID: .*option=--compatible-types, reason=--device-type is given as well",
  ],
  ["with a key in a vault", [...MODULE, "--vault-transit-key", "x"], "OPTION_UNSUPPORTED: .*option=--vault-transit"],
  ["with a limit", [...ROOTFS, "--max-artifact-size", "5MB"], "OPTION_UNSUPPORTED: .*option=--max-artifact-size"],
  ["with a name of 257 bytes", [...ROOTFS, "-n", `${"é".repeat(128)}x`], "ARTIFACT_FIELD: .*longer than 256 bytes"],
  [
    "with a bell in the device type",
    [...ROOTFS, "-t", "a\u0007"],
    "ARTIFACT_FIELD: .*value=a\\\\x07, reason=not printable",
  ],
  ["with an empty group", [...ROOTFS, "-g", ""], "ARTIFACT_FIELD: .*field=provided group"],
  ["depending on an empty name", [...ROOTFS, "-N", ""], "ARTIFACT_FIELD: .*field=artifact name depended on"],
  ["depending on an empty group", [...ROOTFS, "-G", ""], "ARTIFACT_FIELD: .*field=group depended on"],
  ["providing the artifact's own name", [...ROOTFS, "-p", "artifact_name:x"], "ARTIFACT_FIELD: .*value=artifact_name"],
  ["providing an empty key", [...ROOTFS, "-p", ":x"], "ARTIFACT_FIELD: .*field=provides key"],
  ["depending on an empty key", [...ROOTFS, "-d", ":x"], "ARTIFACT_FIELD: .*field=depends key"],
  ["clearing an empty glob", [...ROOTFS, "--clears-provides", ""], "ARTIFACT_FIELD: .*field=clears-provides"],
  ["for a module with a path as name", [...MODULE, "-T", "../x"], "ARTIFACT_FIELD: .*field=payload type, value=../x"],
  ["of a missing file", [...MODULE, "-f", join(dir, "nothing")], "PAYLOAD_UNREADABLE: .*ENOENT"],
  ["of a folder", [...MODULE, "-f", dir], "PAYLOAD_UNREADABLE: .*not a regular file"],
  ["of a device", [...MODULE, "-f", "/dev/null"], "PAYLOAD_UNREADABLE: .*not a regular file"],
  ["of a file with a space in its name", [...MODULE, "-f", put("a b", "")], "ARTIFACT_MEMBER_NAME: .*name=a b"],
  ["of a file with a very long name", [...MODULE, "-f", put("n".repeat(91), "")], "ARTIFACT_MEMBER_NAME: .*too long"],
  ["of the same file twice", [...MODULE, "-f", image], "PAYLOAD_DUPLICATE: "],
  ["with a missing script", [...ROOTFS, "-s", join(dir, "no")], "SCRIPT_UNREADABLE: .*ENOENT"],
  ["with a device's script", [...ROOTFS, "-s", put("Idle_Enter_00", "")], "SCRIPT_NAME: "],
  ["with a script without a number", [...ROOTFS, "-s", put("ArtifactInstall_Enter", "")], "SCRIPT_NAME: "],
  [
    "with a control character in a script's name",
    [...ROOTFS, "-s", put("ArtifactInstall_Enter_00_a\u0001", "")],
    "ARTIFACT_MEMBER_NAME: ",
  ],
  ["with broken meta-data", [...MODULE, "-m", put("m1", "{")], "META_DATA_INVALID: "],
  ["with an array as meta-data", [...MODULE, "-m", put("m2", "[]")], "META_DATA_INVALID: "],
  ["with empty meta-data", [...MODULE, "-m", put("m3", "")], "META_DATA_INVALID: "],
  ["with missing meta-data", [...MODULE, "-m", join(dir, "no")], "META_DATA_INVALID: .*ENOENT"],
  ["with a missing key", [...ROOTFS, "-k", join(dir, "no")], "KEY_UNREADABLE: .*ENOENT"],
  ["into a missing folder", [...ROOTFS, "-o", join(dir, "no", "a.mender")], "OUTPUT_FAILED: .*ENOENT"],
  ["over a folder", [...ROOTFS, "-o", folder], "OUTPUT_FAILED: .*not a regular file"],
] as const) {
  test(`an Artifact ${what} is refused in one line, and nothing is written`, async () => {
    expect(await failure(...args)).toMatch(new RegExp(`^Could not fulfill request: (?:${line})`));
    expect(readdirSync(folder)).toEqual([]);
  });
}

test("the same script twice is refused", async () => {
  const script = put("ArtifactCommit_Enter_01", "");
  expect(await failure(...ROOTFS, "-s", script, "-s", script)).toContain("SCRIPT_DUPLICATE");
});

test("an unknown option is refused, and the help text of every command has an example", async () => {
  expect((await artifact(...ROOTFS, "--nonsense")).exitCode).toBe(1);
  for (const command of [
    ["write", "rootfs-image"],
    ["write", "module-image"],
    ["write", "bootstrap-artifact"],
    ["read"],
    ["validate"],
    ["sign"],
    [],
  ]) {
    const io = await artifact(...command, "--help");
    expect(io.exitCode).toBe(0);
    expect(io.outLines.join("\n")).toContain(`switchback artifact ${command.join(" ")}`.trim());
    expect(io.outLines.join("\n")).toMatch(/\nExamples?:\n/);
    expect(io.outLines.join("\n")).not.toContain("default: []");
  }
});

test("an interrupt ends the command with the signal's error and leaves nothing behind", async () => {
  const io = new RecordingIo();
  const reason = new Error("interrupted");
  io.interrupt.abort(reason);
  await expect(run("switchback", ["artifact", ...ROOTFS], io)).rejects.toBe(reason);
  expect(readdirSync(folder)).toEqual([]);
});
