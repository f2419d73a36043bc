import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ArtifactDescription } from "../../../src/cli/artifact/read-schema.ts";
import { makeKeyFiles } from "../../artifact/keys.ts";
import { headerDocument, ours, theirs } from "./run-tools.ts";

const dir = mkdtempSync(join(tmpdir(), "switchback-interop-"));
afterAll(() => rmSync(dir, { recursive: true }));

const put = (name: string, content: string | Uint8Array): string => {
  const path = join(dir, name);
  writeFileSync(path, content);
  chmodSync(path, 0o755);
  return path;
};
const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");
const IMAGE = Buffer.concat([Buffer.alloc(1_500_000, "root file system "), Buffer.from("end")]);
const image = put("rootfs.ext4", IMAGE);
const app = put("app.tar", "application");
const empty = put("empty", "");
const metaData = put("meta.json", '{ "b": [1, "é"], "a": null, "c": { "d": true } }');
/** Too long for a block of a tar. */
const LONG_NAME = `ArtifactInstall_Leave_02_${"long".repeat(30)}`;
const scripts = [
  put("ArtifactInstall_Enter_01_stop", "#!/bin/sh\n"),
  put("ArtifactCommit_Leave_99", "#!/bin/sh\nexit 0\n"),
  put(LONG_NAME, "#!/bin/sh\n"),
  put("ArtifactInstall_Leave_03_prüfen", "#!/bin/sh\n"),
];
const KEYS = { unsigned: undefined, RSA: makeKeyFiles(dir, "rsa"), ECDSA: makeKeyFiles(dir, "ec") };

const COMMON = ["-t", "board-a", "-t", "board b", "-n", "release-7", "-N", "release-5", "-N", "release-6"].concat(
  ["-G", "old-group", "-g", "new-group", "-p", "colour:red:ish", "-p", "size:", "-d", "boot:2021.01", "-d", "ram:1G"],
  ["--clears-provides", "legacy.*", "--clears-provides", "old"],
);
const SCRIPTS = scripts.flatMap((path) => ["-s", path]);
const SCRIPT_NAMES = scripts.map((path) => basename(path)).sort();
const DEPENDS = { boot: ["2021.01"], ram: ["1G"] };
const EXTRA = { colour: "red:ish", size: "" };

/** Each case in two forms: arguments for both tools, and what `read --json` must print about the payload. */
const KINDS: Readonly<
  Record<string, { readonly args: readonly string[]; readonly scripts: readonly string[]; readonly payload: object }>
> = {
  "rootfs-image": {
    args: ["-f", image, ...SCRIPTS],
    scripts: SCRIPT_NAMES,
    payload: {
      type: "rootfs-image",
      files: [{ name: "rootfs.ext4", size: IMAGE.length, sha256: sha256(IMAGE) }],
      provides: { ...EXTRA, "rootfs-image.checksum": sha256(IMAGE), "rootfs-image.version": "release-7" },
      depends: DEPENDS,
      clears_provides: ["legacy.*", "old", "artifact_group", "rootfs_image_checksum", "rootfs-image.*"],
      metadata: null,
    },
  },
  "module-image": {
    args: ["-T", "my-module", "-f", app, "-f", empty, "-m", metaData, "--software-name", "app", ...SCRIPTS],
    scripts: SCRIPT_NAMES,
    payload: {
      type: "my-module",
      files: [
        { name: "app.tar", size: 11, sha256: sha256("application") },
        { name: "empty", size: 0, sha256: sha256("") },
      ],
      provides: { ...EXTRA, "rootfs-image.app.version": "release-7" },
      depends: DEPENDS,
      clears_provides: ["legacy.*", "old", "rootfs-image.app.*"],
      metadata: { a: null, b: [1, "é"], c: { d: true } },
    },
  },
  "bootstrap-artifact": {
    args: [],
    scripts: [],
    payload: {
      type: null,
      files: [],
      provides: EXTRA,
      depends: DEPENDS,
      clears_provides: ["legacy.*", "old"],
      metadata: null,
    },
  },
};

const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1);

/** The real tool writes files and scripts in the order of a hash map. */
function normalized(line: string | undefined): ArtifactDescription {
  const description = ArtifactDescription.parse(JSON.parse(line ?? ""));
  const payloads = description.payloads.map((payload) => ({ ...payload, files: [...payload.files].sort(byName) }));
  return { ...description, scripts: [...description.scripts].sort(), payloads };
}

/** Lines without those that only Switchback prints. */
const comparable = (lines: readonly string[]): readonly string[] =>
  lines.filter((line) => !line.startsWith("  Verified with:")).sort();

/** Switchback writes the same time into every Artifact. */
const withoutTimes = (lines: readonly string[] = []): readonly string[] =>
  lines.filter((line) => !line.includes(" modified: "));

for (const [kind, { args, scripts: scriptNames, payload }] of Object.entries(KINDS)) {
  for (const compression of ["none", "gzip", "lzma"]) {
    for (const [signed, key] of Object.entries(KEYS)) {
      test(`${kind}, ${compression}, ${signed}: both tools take the same arguments, and what either writes`, async () => {
        const written = { ours: join(dir, "ours.mender"), theirs: join(dir, "theirs.mender") };
        const signing = key === undefined ? [] : ["-k", key.privatePath];
        const verifying = key === undefined ? [] : ["-k", key.publicPath];
        const write = ["write", kind, ...COMMON, ...args, ...signing, "--compression", compression];
        await ours(...write, "-o", written.ours);
        theirs(...write, "-o", written.theirs);

        const texts = [];
        const descriptions = [];
        for (const path of [written.ours, written.theirs]) {
          expect(theirs("validate", ...verifying, path)).toEqual([`Artifact file '${path}' validated successfully`]);
          expect(await ours("validate", ...verifying, path)).toEqual([
            `Artifact file '${path}' validated successfully`,
          ]);
          texts.push(
            comparable(theirs("read", ...verifying, path)),
            comparable(await ours("read", ...verifying, path)),
          );
          descriptions.push(normalized((await ours("read", "--json", ...verifying, path))[0]));
        }

        const expected = expectedDescription(payload, scriptNames, key?.publicPath);
        expect(descriptions).toEqual([expected, expected]);
        const [[theirsOfOurs, oursOfOurs], [theirsOfTheirs, oursOfTheirs]] = [texts.slice(0, 2), texts.slice(2)];
        expect(oursOfOurs).toEqual(theirsOfOurs);
        expect(oursOfTheirs).toEqual(theirsOfTheirs);
        expect(withoutTimes(oursOfTheirs)).toEqual(withoutTimes(oursOfOurs));
        for (const name of ["header-info", "headers/0000/type-info"]) {
          expect(headerDocument(written.ours, name)).toBe(headerDocument(written.theirs, name));
        }
      });
    }
  }
}

function expectedDescription(payload: object, scriptNames: readonly string[], publicPath: string | undefined): object {
  const { provides, depends, clears_provides } = payload as ArtifactDescription["payloads"][number];
  return {
    name: "release-7",
    group: "new-group",
    version: 3,
    signature: {
      present: publicPath !== undefined,
      valid: publicPath === undefined ? null : true,
      key: publicPath ?? null,
    },
    device_types: ["board-a", "board b"],
    provides: { artifact_name: "release-7", artifact_group: "new-group", ...provides },
    depends: { artifact_name: ["release-5", "release-6"], artifact_group: ["old-group"], ...depends },
    clears_provides,
    scripts: scriptNames,
    payloads: [payload],
  };
}

const ROOTFS = ["write", "rootfs-image", "-t", "a", "-n", "r", "-f", image];
const MODULE = ["write", "module-image", "-t", "a", "-n", "r", "-T", "mod", "-f", app];
for (const [write, variants] of [
  [ROOTFS, [["--legacy-rootfs-image-checksum"], ["--no-checksum-provide"], ["-p", "rootfs-image.checksum:mine"]]],
  [
    MODULE,
    [
      ["-p", "rootfs-image.mod.version:mine"],
      ["--software-name", ""],
    ],
  ],
] as const) {
  for (const variant of [
    [],
    ["--software-filesystem", "data"],
    ["--software-name", "sw", "--software-version", "9"],
    ["--software-filesystem", "data", "--software-name", "sw"],
    ["--no-default-software-version"],
    ["--no-default-software-version", "--software-version", "9", "--clears-provides", "x"],
    ["--no-default-clears-provides"],
    ["--no-default-clears-provides", "--clears-provides", "x"],
    ["--clears-provides", "rootfs-image.*", "--clears-provides", "rootfs-image.mod.*"],
    ["-p", "rootfs-image.version:mine"],
    ["-d", "twice:1", "-d", "twice:2"],
    ...variants,
  ]) {
    test(`${write[1]} ${variant.join(" ")} gives the type-info of the real tool, to the byte`, async () => {
      const output = join(dir, "variant.mender");
      await ours(...write, ...variant, "-o", output);
      const mine = headerDocument(output, "headers/0000/type-info");
      theirs(...write, ...variant, "-o", output);
      expect(mine).toBe(headerDocument(output, "headers/0000/type-info"));
    });
  }
}

test("--compression stands before the sub-command as well, and its last place counts", async () => {
  const output = join(dir, "compression.mender");
  for (const [before, behind, header] of [
    [["--compression", "lzma"], [], "header.tar.xz"],
    [["--compression", "lzma"], ["--compression", "none"], "header.tar"],
  ] as const) {
    for (const write of [
      () => ours(...before, ...ROOTFS, ...behind, "-o", output),
      () => theirs(...before, ...ROOTFS, ...behind, "-o", output),
    ]) {
      await write();
      expect(execFileSync("tar", ["-tf", output], { encoding: "utf8" })).toContain(`${header}\n`);
    }
  }
});

test("an Artifact of the real tool that ours signs is valid for the real tool, and the other way round", async () => {
  const [signed, output] = [join(dir, "signed.mender"), join(dir, "unsigned.mender")];
  for (const key of [KEYS.RSA, KEYS.ECDSA]) {
    theirs(...ROOTFS, "-o", output);
    await ours("sign", "-k", key.privatePath, "-o", signed, output);
    theirs("validate", "-k", key.publicPath, signed);
    await ours(...ROOTFS, "-o", output);
    theirs("sign", "-k", key.privatePath, "-o", signed, output);
    await ours("validate", "-k", key.publicPath, signed);
    await ours("sign", "--force", "-k", KEYS.RSA.privatePath, signed);
    theirs("validate", "-k", KEYS.RSA.publicPath, signed);
  }
});
