import { generateKeyPairSync } from "node:crypto";
import { expect } from "vitest";
import type { Device } from "./device.ts";
import type { Lab } from "./lab.ts";
import type { Row, Situation } from "./row.ts";

const image = (device: Device): void => device.put("rootfs.ext4", Buffer.alloc(64 * 1024, "image"));
export const release = (device: Device, lab: Lab): void => device.put("release-2.mender", lab.release);

/** A pair of keys, as files of the desk. */
export function keys(device: Device, privateFile: string, publicFile: string): void {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  device.put(privateFile, privateKey.export({ type: "sec1", format: "pem" }), 0o600);
  device.put(publicFile, publicKey.export({ type: "spki", format: "pem" }));
}

/**
 * `release-2.mender`, signed with a key whose public half is `new.pem`; `old.pem` is the public half of another key.
 */
function signed(device: Device, lab: Lab): void {
  release(device, lab);
  keys(device, "private.pem", "new.pem");
  keys(device, "other.pem", "old.pem");
}
const SIGN = "switchback artifact sign -k private.pem release-2.mender >/dev/null && ";

export const noFile = (exit: number, name: string): Situation => ({ at: "desk", exit, says: [name] });
export const desk = (name: string): string => `/desk/${name}`;

const module = (device: Device): void => {
  for (const name of ["motd", "dest_dir", "filename", "permissions", "app.tar"]) device.put(name, `${name}\n`);
  device.put("settings.json", '{ "port": 80 }');
};

/** Examples of the commands around Artifacts. */
export const ARTIFACT_ROWS: readonly Row[] = [
  {
    example: "switchback artifact write rootfs-image -t board-a -n release-2 -f rootfs.ext4 -o release-2.mender",
    fits: { at: "desk", given: image, changes: [desk("release-2.mender")] },
    otherwise: {
      "no such image": noFile(1, "rootfs.ext4"),
      "an image of no bytes": {
        at: "desk",
        given: (device) => device.put("rootfs.ext4", ""),
        exit: 1,
        says: ["rootfs.ext4"],
      },
    },
  },
  {
    example:
      "switchback artifact write rootfs-image -t board-a -n golden-1 -f ssh://user@device:2222 -S -i -S key.pem -o golden-1.mender",
    fits: "test/system/interop/snapshot-over-ssh.test.ts · a device with the real client becomes an Artifact over ssh",
    otherwise: {
      "a device that does not answer": {
        at: "desk",
        given: (device) => device.put("/opt/bin/ssh", "#!/bin/sh\necho no route to host >&2; exit 255\n", 0o755),
        exit: 1,
        says: ["SNAPSHOT_FAILED", "no route to host"],
      },
    },
  },
  {
    example:
      "switchback artifact write rootfs-image -t board-a -t board-b -n release-2 -f rootfs.ext4 -o release-2.mender -k private.pem -s ArtifactCommit_Enter_10_check --compression zstd",
    fits: {
      at: "desk",
      given: (device) => {
        image(device);
        keys(device, "private.pem", "public.pem");
        device.put("ArtifactCommit_Enter_10_check", "#!/bin/sh\n", 0o755);
      },
      changes: [desk("release-2.mender")],
    },
    otherwise: {
      "no such key": {
        at: "desk",
        given: (device) => {
          image(device);
          device.put("ArtifactCommit_Enter_10_check", "#!/bin/sh\n", 0o755);
        },
        exit: 1,
        says: ["private.pem"],
      },
    },
  },
  {
    example:
      "switchback artifact write module-image -T single-file -t board-a -n motd-3 -f motd -f dest_dir -f filename -f permissions -o motd-3.mender",
    fits: { at: "desk", given: module, changes: [desk("motd-3.mender")] },
    otherwise: { "no such file": noFile(1, "motd") },
  },
  {
    example:
      "switchback artifact write module-image -T my-module -t board-a -n app-7 -f app.tar -m settings.json -d runtime:12 -o app-7.mender",
    fits: { at: "desk", given: module, changes: [desk("app-7.mender")] },
    otherwise: {
      "settings that are no JSON": {
        at: "desk",
        given: (device) => {
          module(device);
          device.put("settings.json", "{ oh");
        },
        exit: 1,
        says: ["settings.json"],
      },
    },
  },
  {
    example:
      "switchback artifact write bootstrap-artifact -t board-a -n release-1 -p rootfs-image.version:release-1 -o bootstrap.mender",
    fits: { at: "desk", changes: [desk("bootstrap.mender")] },
    otherwise: {
      "a folder that cannot be written": {
        at: "desk",
        around: (line) => `mount -t tmpfs -o ro none /mnt; cd /mnt; ${line}`,
        exit: 1,
        says: ["OUTPUT_FAILED", "bootstrap.mender"],
      },
    },
  },
  {
    example: "switchback artifact write rootfs-image -f release.img -t my-board -n release-1 -o release-1.mender",
    fits: {
      at: "desk",
      given: (device) => device.put("release.img", Buffer.alloc(64 * 1024, "image")),
      changes: [desk("release-1.mender")],
    },
    otherwise: { "no such image": noFile(1, "release.img") },
  },
  {
    example: "switchback artifact write rootfs-image -t virtual-board -n v2 -f v2.img -o v2.mender",
    fits: {
      at: "desk",
      around: (line) => `switchback board image v2.img --version v2 --size 1M && ${line}`,
      changes: [desk("v2.img"), desk("v2.mender")],
    },
    otherwise: { "no such image": noFile(1, "v2.img") },
  },
  {
    example: "switchback artifact sign -k private.pem release-2.mender",
    fits: { at: "desk", given: signed, changes: [desk("release-2.mender")] },
    twice: { exit: 1, says: ["--force"] },
    otherwise: { "no such key": { at: "desk", given: release, exit: 1, says: ["private.pem"] } },
  },
  {
    example: "switchback artifact sign -k new.pem --force -o release-2-signed.mender release-2.mender",
    fits: {
      at: "desk",
      given: (device, lab) => {
        signed(device, lab);
        keys(device, "new.pem", "public.pem");
      },
      around: (line) => `${SIGN}${line}`,
      changes: [desk("release-2-signed.mender"), desk("release-2.mender")],
    },
    otherwise: { "no such key": { at: "desk", given: release, exit: 1, says: ["new.pem"] } },
  },
  {
    example: "switchback artifact sign --key-pkcs11 'pkcs11:token=release;object=signing' release-2.mender",
    fits: "test/system/interop/keys-in-a-token.test.ts · the token of the manual signs and verifies, with a PIN from a person",
    otherwise: { "no such token": { at: "desk", given: release, exit: 1, says: ["TOKEN_KEY"] } },
  },
  {
    example: "switchback artifact sign --signer ./sign-with-kms.sh -k public.pem release-2.mender",
    fits: {
      at: "desk",
      given: (device, lab) => {
        release(device, lab);
        keys(device, "private.pem", "public.pem");
        const sign = "exec openssl pkeyutl -sign -inkey private.pem -pkeyopt digest:sha256";
        device.put("sign-with-kms.sh", `#!/bin/sh\n${sign}\n`, 0o755);
      },
      changes: [desk("release-2.mender")],
    },
    twice: { exit: 1, says: ["--force"] },
    otherwise: {
      "no such command": {
        at: "desk",
        given: (device, lab) => {
          release(device, lab);
          keys(device, "private.pem", "public.pem");
        },
        exit: 1,
        says: ["SIGNER_FAILED", "sign-with-kms.sh"],
      },
    },
  },
  {
    example: "switchback artifact validate -k public.pem release-2.mender",
    fits: {
      at: "desk",
      given: (device, lab) => {
        release(device, lab);
        keys(device, "private.pem", "public.pem");
      },
      around: (line) => `${SIGN}${line}`,
      changes: [desk("release-2.mender")],
    },
    otherwise: {
      "not signed": {
        at: "desk",
        given: (device, lab) => {
          release(device, lab);
          keys(device, "private.pem", "public.pem");
        },
        exit: 1,
        says: ["ARTIFACT_NOT_SIGNED"],
      },
    },
  },
  {
    example: "switchback artifact validate release-2.mender",
    fits: { at: "desk", given: release, changes: [] },
    otherwise: {
      "cut off": {
        at: "desk",
        given: (device, lab) => device.put("release-2.mender", lab.release.subarray(0, 8192)),
        exit: 1,
        says: ["ARTIFACT_"],
      },
      signed: {
        at: "desk",
        given: signed,
        around: (line) => `${SIGN}${line}`,
        exit: 1,
        changes: [desk("release-2.mender")],
      },
    },
  },
  {
    example: "switchback artifact validate -k old.pem -k new.pem release-2.mender",
    fits: { at: "desk", given: signed, around: (line) => `${SIGN}${line}`, changes: [desk("release-2.mender")] },
    otherwise: {
      "signed by a stranger": {
        at: "desk",
        given: (device, lab) => {
          signed(device, lab);
          keys(device, "private.pem", "lost.pem");
        },
        around: (line) => `${SIGN}${line}`,
        exit: 1,
        says: ["SIGNATURE"],
        changes: [desk("release-2.mender")],
      },
    },
  },
  {
    example: "switchback artifact read release-2.mender",
    fits: { at: "desk", given: release, changes: [], says: ["v2", "virtual-board"] },
    otherwise: {
      "no Artifact": {
        at: "desk",
        given: (device) => device.put("release-2.mender", "text"),
        exit: 1,
        says: ["ARTIFACT_"],
      },
    },
  },
  {
    example: "switchback artifact read --json release-2.mender",
    fits: {
      at: "desk",
      given: release,
      changes: [],
      promised: (_device, { out }) => expect(JSON.parse(out)).toMatchObject({ name: "v2" }),
    },
    otherwise: { "no such file": noFile(1, "release-2.mender") },
  },
  {
    example: "switchback artifact read --json -k old.pem -k new.pem release-2.mender | jq .signature",
    fits: {
      at: "desk",
      given: signed,
      around: (line) => `${SIGN}${line}`,
      promised: (_device, { out }) => expect(out).toContain("valid"),
    },
    otherwise: { "not signed": { at: "desk", given: signed, says: ['"present": false', '"valid": null'] } },
  },
];
