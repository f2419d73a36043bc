import { readFile } from "node:fs/promises";
import { ask, type Built, expectText } from "./built.ts";
import { expectDisk } from "./expect-disk.ts";

/**
 * Asks other programs than ours what a build made.
 *
 * @param image path of the outputs without their types
 */
export async function* expectBuilt(image: string, built: Built): AsyncGenerator<string> {
  yield await expectArtifact(`${image}.mender`, built);
  yield await expectRootfs(`${image}.ext4`, built);
  for (const kind of ["sdimg", "gptimg"] as const) yield await expectDisk(image, kind, built);
}

async function expectArtifact(path: string, { name, deviceTypes, verifyKey }: Built): Promise<string> {
  const key = verifyKey === undefined ? [] : ["--key", verifyKey];
  await ask("mender-artifact", "validate", ...key, path);
  const said = await ask("mender-artifact", "read", "--no-progress", ...key, path);
  const signature = verifyKey === undefined ? "no signature" : "signed and verified correctly";
  expectText(path, said, `Name: ${name}\n`, `Compatible devices: '[${deviceTypes.join(" ")}]'`, signature);
  return `mender-artifact accepts the Artifact: ${name} for ${deviceTypes.join(", ")}, ${signature}`;
}

/** Prints a file of an ext4 image. */
const cat = (image: string, path: string): Promise<string> => ask("debugfs", "-R", `cat ${path}`, image);

async function expectRootfs(image: string, { name, device, bootloader, verifyKey }: Built): Promise<string> {
  await ask("e2fsck", "-fn", image);
  const base = /\d$/.test(device) ? `${device}p` : device;
  const conf = await cat(image, "/etc/mender/mender.conf");
  expectText("mender.conf", conf, `"RootfsPartA": "${base}2"`, `"RootfsPartB": "${base}3"`);
  expectText("artifact_info", await cat(image, "/etc/mender/artifact_info"), `artifact_name=${name}\n`);
  expectText("scripts/version", await cat(image, "/etc/mender/scripts/version"), "3");
  expectText("fstab", await cat(image, "/etc/fstab"), `${base}4 /data `);
  if (bootloader === "u-boot") expectText("fw_env.config", await cat(image, "/etc/fw_env.config"), `${device} 0x`);
  const key = "/etc/mender/artifact-verify-key.pem";
  if (verifyKey !== undefined) expectText(key, await cat(image, key), await readFile(verifyKey, "utf8"));
  for (const program of ["switchback", "mender-update"])
    expectText(program, await ask("debugfs", "-R", `stat /usr/bin/${program}`, image), "switchback/switchback.mjs");
  const wanted = await ask("debugfs", "-R", "ls /etc/systemd/system/multi-user.target.wants", image);
  expectText("enabled units", wanted, "switchback.service", "switchback-resume.service");
  return `the root filesystem is whole: slots ${base}2 and ${base}3, ${name}`;
}
