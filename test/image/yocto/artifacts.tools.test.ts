import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeKeyFiles } from "../../artifact/keys.ts";
import { cli } from "../../support/test-board.ts";
import { put, said } from "../image-rig.ts";
import { type Build, YoctoBuild } from "./yocto-rig.ts";

const yocto = new YoctoBuild(mkdtempSync(join(tmpdir(), "switchback-yocto-")));
afterAll(() => rm(yocto.folder, { recursive: true }));
const keys = { rsa: makeKeyFiles(yocto.folder, "rsa"), ec: makeKeyFiles(yocto.folder, "ec") };
const PIN = "2468";
const LOCKED = yocto.path("locked.pem");
const SIGNER = `openssl pkeyutl -sign -inkey ${keys.ec.privatePath} -pkeyopt digest:sha256 -in /dev/stdin`;
const token = (object: string): string => `pkcs11:token=yocto;object=${object};pin-value=${PIN}`;

let rootfs: string;
beforeAll(async () => {
  put(yocto.folder, {
    passphrase: "open sesame\n",
    wrong: "sesame\n",
    "softhsm2.conf": `directories.tokendir = ${yocto.path("tokens")}\n`,
  });
  writeFileSync(
    LOCKED,
    keys.rsa.privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "open sesame" }),
  );
  mkdirSync(yocto.path("tokens"));
  process.env["SOFTHSM2_CONF"] = yocto.path("softhsm2.conf");
  execFileSync("softhsm2-util", ["--init-token", "--free", "--label", "yocto", "--so-pin", "1357", "--pin", PIN]);
  writeFileSync(yocto.path("my pin"), `${PIN}\n`);
  writeFileSync(yocto.path("pkcs8.pem"), keys.rsa.privateKey.export({ type: "pkcs8", format: "pem" }));
  const place = ["--token", "yocto", "--pin", PIN, "--label", "signing", "--id", "01"];
  execFileSync("softhsm2-util", ["--import", yocto.path("pkcs8.pem"), ...place]);
  rootfs = (await yocto.rootfs({})).image;
  put(yocto.path("scripts"), { ArtifactCommit_Enter_10_check: "#!/bin/sh\n" });
});

const output = yocto.path("out.mender");
const KEY = "MENDER_ARTIFACT_SIGNING_KEY";

/** The variables, the public key that must fit, and what the real tool must read. */
const WRITTEN: Readonly<
  Record<string, readonly [build: Build, publicKey?: string | undefined, ...reads: readonly RegExp[]]>
> = {
  "the usual variables": [
    {},
    undefined,
    /Name: release-1/,
    /'\[test-board\]'/,
    /rootfs-image.version: release-1/,
    /Signature: no signature/,
  ],
  "a key file": [{ [KEY]: keys.rsa.privatePath }, keys.rsa.publicPath],
  "a key with a passphrase": [
    { [KEY]: LOCKED, SWITCHBACK_SIGNING_KEY_PASSPHRASE_FILE: yocto.path("passphrase") },
    keys.rsa.publicPath,
  ],
  "a key in a token": [{ [KEY]: token("signing") }, keys.rsa.publicPath],
  "a key in a token with a file for its PIN": [
    { [KEY]: "pkcs11:token=yocto;object=signing", SWITCHBACK_SIGNING_KEY_PASSPHRASE_FILE: yocto.path("my pin") },
    keys.rsa.publicPath,
  ],
  "a command that signs": [
    { SWITCHBACK_SIGNER: SIGNER, MENDER_ARTIFACT_VERIFY_KEY: keys.ec.publicPath },
    keys.ec.publicPath,
  ],
  "no compression": [{ SWITCHBACK_ARTIFACT_COMPRESSION: "none" }],
  zstd: [{ SWITCHBACK_ARTIFACT_COMPRESSION: "zstd_fast" }],
  "lzma, as meta-mender asks for it": [{ MENDER_ARTIFACT_EXTRA_ARGS: "--compression lzma" }],
  "several device types and dependencies": [
    {
      MENDER_DEVICE_TYPES_COMPATIBLE: "board-a  board-b",
      MENDER_ARTIFACT_PROVIDES: "color:red size:1:2",
      MENDER_ARTIFACT_PROVIDES_GROUP: "beta",
      MENDER_ARTIFACT_DEPENDS: "color:blue",
      MENDER_ARTIFACT_DEPENDS_GROUPS: "alpha",
      MENDER_ARTIFACT_NAME_DEPENDS: "release-0 release-00",
      MENDER_ARTIFACT_EXTRA_ARGS: `--software-name 'my "system"'`,
    },
    undefined,
    /'\[board-a board-b\]'/,
    /color: red/,
    /size: 1:2/,
    /Provides group: beta/,
    /color: blue/,
    /\[release-0, release-00\]/,
    /\[alpha\]/,
    /rootfs-image\.my "system"\.version: release-1/,
  ],
};

for (const [title, [build, publicKey, ...reads]] of Object.entries(WRITTEN)) {
  test(`with ${title}, the real tool accepts the Artifact`, async () => {
    const options = ["--rootfs", rootfs, "--scripts", yocto.path("scripts"), "--output", output];
    expect(await yocto.done("artifact", build, ...options)).toContain("Artifact release-1 written to");
    const key = publicKey === undefined ? [] : ["-k", publicKey];
    // The real tool of Debian knows no zstd.
    const read = (verb: string): Promise<string> =>
      title === "zstd"
        ? cli("switchback", ["artifact", verb, ...key, output]).then(({ out }) => out.join("\n"))
        : said("mender-artifact", verb, ...key, output);
    expect(await read("validate")).toContain("validated successfully");
    const text = await read("read");
    expect(text).toContain("ArtifactCommit_Enter_10_check");
    if (publicKey !== undefined) expect(text).toContain("signed and verified correctly");
    for (const pattern of reads) expect(text).toMatch(pattern);
  });
}

for (const [title, build, variable, says] of [
  ["a missing key", { [KEY]: "/nowhere.pem" }, KEY, "KEY_UNREADABLE"],
  ["a key that needs a passphrase", { [KEY]: LOCKED }, KEY, "KEY_ENCRYPTED"],
  [
    "another passphrase",
    { [KEY]: LOCKED, SWITCHBACK_SIGNING_KEY_PASSPHRASE_FILE: yocto.path("wrong") },
    "SWITCHBACK_SIGNING_KEY_PASSPHRASE_FILE",
    "KEY_PASSPHRASE",
  ],
  [
    "a missing passphrase file",
    { [KEY]: LOCKED, SWITCHBACK_SIGNING_KEY_PASSPHRASE_FILE: "/nowhere" },
    "SWITCHBACK_SIGNING_KEY_PASSPHRASE_FILE",
    "KEY_UNREADABLE",
  ],
  ["a key that is not in the token", { [KEY]: token("other") }, KEY, "pin-value=***"],
  ["a command that fails", { SWITCHBACK_SIGNER: "exit 3" }, "SWITCHBACK_SIGNER", "SIGNER_FAILED"],
  ["two ways to sign", { [KEY]: keys.rsa.privatePath, SWITCHBACK_SIGNER: SIGNER }, "SWITCHBACK_SIGNER", KEY],
  [
    "a key in the further options, too",
    { [KEY]: keys.rsa.privatePath, MENDER_ARTIFACT_EXTRA_ARGS: "-k x.pem" },
    "MENDER_ARTIFACT_EXTRA_ARGS",
    KEY,
  ],
  [
    "an unknown option",
    { MENDER_ARTIFACT_EXTRA_ARGS: "--fast" },
    "MENDER_ARTIFACT_EXTRA_ARGS",
    "unknown option '--fast'",
  ],
  [
    "an option that is refused",
    { MENDER_ARTIFACT_EXTRA_ARGS: "--gcp-kms-key x" },
    "MENDER_ARTIFACT_EXTRA_ARGS",
    "OPTION_UNSUPPORTED",
  ],
  ["an open quote", { MENDER_ARTIFACT_EXTRA_ARGS: `--software-name "x` }, "MENDER_ARTIFACT_EXTRA_ARGS", "quote"],
  ["an unknown compression", { SWITCHBACK_ARTIFACT_COMPRESSION: "rar" }, "SWITCHBACK_ARTIFACT_COMPRESSION", "rar"],
  ["provides without a colon", { MENDER_ARTIFACT_PROVIDES: "color" }, "MENDER_ARTIFACT_PROVIDES", "no colon"],
  ["a name that is too long", { MENDER_ARTIFACT_NAME: "x".repeat(300) }, "MENDER_ARTIFACT_NAME", "longer than 256"],
  ["no name", { MENDER_ARTIFACT_NAME: "" }, "MENDER_ARTIFACT_NAME", "YOCTO_VARIABLE_MISSING"],
] as const) {
  test(`${title}: there is no Artifact, and the error names ${variable}`, async () => {
    await rm(output, { force: true });
    const { exitCode, err } = await yocto.verb("artifact", build, "--rootfs", rootfs, "--output", output);
    expect(exitCode).toBe(1);
    expect(err.at(-1)).toContain(`variable=${variable}`);
    expect(err.at(-1)).toContain(says);
    expect(err.join("")).not.toContain(PIN);
    expect(readdirSync(yocto.folder).filter((name) => name.includes("out.mender"))).toEqual([]);
  });
}

test("a root filesystem that does not fit says what the agent and Node take of it", async () => {
  const { image } = await yocto.rootfs({}, 20);
  const { err } = await yocto.verb("artifact", {}, "--rootfs", image, "--output", output);
  expect(err.join()).toMatch(
    /YOCTO_ROOTFS_SPACE: .*needed=64, rootfsMb=20, slotMb=16, missingMb=4, agent=the agent takes 1 MB/,
  );
});

test("Artifacts for update modules and for new devices are those of the real tool", async () => {
  put(yocto.folder, { "app.tar": "app", "settings.json": '{"a": 1}' });
  const files = [
    "--files",
    yocto.path("app.tar"),
    yocto.path("u-boot.bin"),
    "--meta-data",
    yocto.path("settings.json"),
  ];
  await yocto.done(
    "module-artifact",
    { [KEY]: keys.ec.privatePath },
    "--type",
    "my-module",
    ...files,
    "--output",
    output,
  );
  await said("mender-artifact", "validate", "-k", keys.ec.publicPath, output);
  const module = await said("mender-artifact", "read", output);
  for (const text of ["Type:   my-module", "app.tar", "u-boot.bin", '"a": 1']) expect(module).toContain(text);
  await yocto.done("bootstrap-artifact", {}, "--output", output);
  expect(await said("mender-artifact", "read", output)).toMatch(/Empty type[\s\S]*rootfs-image.version: release-1/);
  const image = yocto.path("data.ext4");
  await yocto.done("data-image", { MENDER_DATA_PART_LABEL: "store" }, "--bootstrap", output, "--output", image);
  expect(await said("e2fsck", "-fn", image)).toMatch(/^store: /m);
  await said("debugfs", "-R", `dump mender/bootstrap.mender ${yocto.path("dumped")}`, image);
  await said("cmp", output, yocto.path("dumped"));
  expect(await said("debugfs", "-R", "stat mender/bootstrap.mender", image)).toMatch(/Mode: +0400/);
});

test("the data image keeps owners of a tar archive, and refuses what is no content", async () => {
  const tar = yocto.path("data.tar");
  const owner = ["--owner=1000", "--group=1001", "-C", yocto.path("data"), "-cf", tar, "app"];
  execFileSync("tar", owner);
  const image = yocto.path("owned.ext4");
  await yocto.done("data-image", {}, "--data-content", tar, "--output", image);
  expect(await said("debugfs", "-R", "stat app/settings", image)).toMatch(/User: +1000 +Group: +1001/);
  const { err } = await yocto.verb("data-image", {}, "--data-content", image, "--output", yocto.path("again.ext4"));
  expect(err.join()).toContain("IMAGE_INPUT");
  const small = { MENDER_DATA_PART_SIZE_MB: "1" };
  put(yocto.path("much"), { file: "x".repeat(1024 * 1024) });
  const much = await yocto.verb("data-image", small, "--data-content", yocto.path("much"), "--output", image);
  expect(much.err.join()).toContain("variable=MENDER_DATA_PART_SIZE_MB, value=1");
});

test("state scripts are sorted by their names, and everything else is refused", async () => {
  const from = yocto.path("all-scripts");
  const names = [
    "ArtifactInstall_Enter_10_a",
    "ArtifactRollbackReboot_Leave_01",
    "Idle_Enter_00",
    "Sync_Leave_99_b",
    "Download_Error_05",
  ];
  put(from, Object.fromEntries(names.map((name) => [name, "#!/bin/sh\n"])));
  for (const name of names) chmodSync(join(from, name), 0o755);
  let made = 0;
  const sort = (...folders: readonly string[]) => {
    const [artifact, root] = [yocto.path(`artifact-${++made}`), yocto.path(`rootfs-${made}`)];
    return yocto.verb(
      "state-scripts",
      {},
      "--from",
      ...folders,
      "--artifact-scripts",
      artifact,
      "--rootfs-scripts",
      root,
    );
  };
  expect((await sort(from)).out).toEqual(["2 scripts for the Artifact, 3 for the root filesystem"]);
  expect([readdirSync(yocto.path("artifact-1")), readdirSync(yocto.path("rootfs-1"))]).toEqual([
    ["ArtifactInstall_Enter_10_a", "ArtifactRollbackReboot_Leave_01"],
    ["Download_Error_05", "Idle_Enter_00", "Sync_Leave_99_b"],
  ]);
  expect((await sort(from, from)).err.join()).toContain("SCRIPT_DUPLICATE");
  expect((await sort("/nowhere")).err.join()).toContain("SCRIPT_UNREADABLE");
  for (const [name, reason] of [
    ["README.md", "README.md is no state"],
    ["ArtifactInstall_Before_10", "Enter, Leave or Error"],
    ["Idle_Enter_1_x", "1 is not a number of two digits"],
  ] as const) {
    const folder = yocto.path(`odd-${name}`);
    put(folder, { [name]: "" });
    expect((await sort(folder)).err.join()).toMatch(new RegExp(`YOCTO_SCRIPT_NAME: .*${reason}`));
    expect(readdirSync(yocto.folder)).not.toContain(`artifact-${made}`);
  }
});
