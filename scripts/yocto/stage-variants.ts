import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectClean, lineOf } from "./bitbake.ts";
import { ask, expectText } from "./built.ts";
import { deployed, type Lines, type Workspace, withSettings } from "./workspace.ts";

const IMAGE = "switchback-example-image";
const MODULE = "app-settings";
const PIN = "2468";
const COMMON: Lines = {
  MENDER_STORAGE_TOTAL_SIZE_MB: "512",
  MENDER_DATA_PART_SIZE_MB: "64",
  MENDER_ARTIFACT_NAME: "release-3",
};

/** Builds further variants in the tiny build: other ways to sign, sysvinit, an archive, and the optional packages. */
export async function* stageVariants(workspace: Workspace): AsyncGenerator<string> {
  for (const [way, settings] of Object.entries(await waysToSign(workspace.places.work)))
    yield await expectModule(workspace, way, settings);
  yield await expectSysvinit(workspace);
  yield await expectFeatures(workspace);
  await withSettings(workspace.two, {});
}

/** The Artifact of an update module, signed in this way. */
async function expectModule(workspace: Workspace, way: string, settings: Lines): Promise<string> {
  const { two, places } = workspace;
  await withSettings(two, { MENDER_DEVICE_TYPE: "my-board", ...settings });
  const { output } = await expectClean(workspace, two, ["bitbake", MODULE]);
  const artifact = join(await deployed(two), `${MODULE}.mender`);
  const key = way === "nothing" ? [] : ["--key", join(places.work, "signing.pem")];
  await ask("mender-artifact", "validate", ...key, artifact);
  const said = await ask("mender-artifact", "read", "--no-progress", ...key, artifact);
  const signature = way === "nothing" ? "no signature" : "signed and verified correctly";
  expectText(artifact, said, `Name: ${MODULE}-1.0\n`, "single-file", "app.conf", signature);
  return `an Artifact of a module, signed with ${way}: ${signature}. ${lineOf(output, "NOTE: Tasks Summary").slice(6)}`;
}

/** The settings for each way to sign, by name. All of them use the same key. */
async function waysToSign(work: string): Promise<Readonly<Record<string, Lines>>> {
  const path = (name: string): string => join(work, name);
  const [tokens, conf, pem, program] = [path("tokens"), path("softhsm2.conf"), path("signing-key.pem"), path("signer")];
  await rm(tokens, { recursive: true, force: true });
  await mkdir(tokens);
  await writeFile(conf, `directories.tokendir = ${tokens}\n`);
  await ask("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072", "-out", pem);
  await ask("openssl", "pkey", "-in", pem, "-pubout", "-out", path("signing.pem"));
  process.env["SOFTHSM2_CONF"] = conf;
  const pins = ["--pin", PIN, "--so-pin", "1357"] as const;
  await ask("softhsm2-util", "--init-token", "--free", "--label", "release", ...pins);
  const place = ["--token", "release", "--label", "signing", "--id", "01", "--pin", PIN] as const;
  await ask("softhsm2-util", "--import", pem, ...place);
  await writeFile(path("pin"), `${PIN}\n`);
  await writeFile(
    program,
    `#!/bin/sh\nexec openssl pkeyutl -sign -inkey ${pem} -pkeyopt digest:sha256 -in /dev/stdin\n`,
  );
  await chmod(program, 0o755);
  return {
    nothing: {},
    "a token": {
      MENDER_ARTIFACT_SIGNING_KEY: "pkcs11:token=release;object=signing",
      SWITCHBACK_SIGNING_KEY_PASSPHRASE_FILE: path("pin"),
      // Programs of a task see only what is exported.
      "export SOFTHSM2_CONF": conf,
    },
    "a program": { SWITCHBACK_SIGNER: program, MENDER_ARTIFACT_VERIFY_KEY: path("signing.pem") },
  };
}

/** sysvinit instead of systemd, and the agent from an archive instead of a folder. */
async function expectSysvinit(workspace: Workspace): Promise<string> {
  const { two, tree, places } = workspace;
  const { version } = JSON.parse(await readFile(join(tree, "package.json"), "utf8")) as { readonly version: string };
  const archive = join(places.work, `switchback-${version}.tar.gz`);
  const rename = `s#^switchback#switchback-${version}#`;
  await ask("tar", "-C", join(tree, ".."), `--transform=${rename}`, "-czf", archive, "switchback");
  await withSettings(two, {
    ...COMMON,
    INIT_MANAGER: "sysvinit",
    "INHERIT +=": "switchback-full",
    "EXTERNALSRC:pn-switchback": "",
    "EXTERNALSRC:pn-switchback-native": "",
    SWITCHBACK_SOURCE_URI: `file://${archive}`,
  });
  await expectClean(workspace, two, ["bitbake", IMAGE]);
  const rootfs = `${join(await deployed(two), IMAGE)}-qemux86-64.rootfs.ext4`;
  const list = (path: string): Promise<string> => ask("debugfs", "-R", `ls ${path}`, rootfs);
  expectText("run level 5", await list("/etc/rc5.d"), "S99switchback");
  expectText("run level 6", await list("/etc/rc6.d"), "K99switchback");
  expectText("init script", await ask("debugfs", "-R", "cat /etc/init.d/switchback", rootfs), "\nmode=daemon\n");
  const units = await ask("debugfs", "-R", "ls /usr/lib/systemd/system", rootfs);
  if (units.includes("switchback")) throw new Error(`an image with sysvinit has units:\n${units}`);
  return "sysvinit: the agent comes from an archive and starts in run level 5, and the image has no units";
}

/** The packages that grow the data partition and keep the machine ID. */
async function expectFeatures(workspace: Workspace): Promise<string> {
  const { two } = workspace;
  await withSettings(two, {
    ...COMMON,
    "INHERIT +=": "switchback-full",
    "MENDER_FEATURES_ENABLE:append": " mender-persist-systemd-machine-id",
  });
  await expectClean(workspace, two, ["bitbake", IMAGE]);
  const rootfs = `${join(await deployed(two), IMAGE)}-qemux86-64.rootfs.ext4`;
  const list = (path: string): Promise<string> => ask("debugfs", "-R", `ls ${path}`, rootfs);
  expectText("local-fs", await list("/etc/systemd/system/local-fs.target.wants"), "switchback-grow-data.service");
  expectText("units", await list("/etc/systemd/system/multi-user.target.wants"), "switchback-machine-id.service");
  const programs = await list("/usr/libexec");
  expectText("/usr/libexec", programs, "switchback-grow-data", "switchback-machine-id");
  const script = await ask("debugfs", "-R", "cat /usr/libexec/switchback-machine-id", rootfs);
  expectText("switchback-machine-id", script, "grub=/boot/efi/grub-mender-grubenv\n");
  return "features: the units that grow the data partition and keep the machine ID are enabled";
}
