import { execFile } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { textOf } from "../../src/artifact/meta-data.ts";
import { loadVerificationKey } from "../../src/artifact/signature.ts";
import { openFileSource } from "../../src/util/file-source.ts";
import { readAll } from "./read-all.ts";

const run = promisify(execFile);
const IMAGE = Buffer.alloc(300_001, "an image that compresses a little 0123456789");
const IMAGE_SHA256 = createHash("sha256").update(IMAGE).digest("hex");

let folder = "";
const inFolder = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "reader-interop-"));
  await writeFile(inFolder("image.ext4"), IMAGE);
  await writeFile(inFolder("second.bin"), "");
  await writeFile(inFolder("meta.json"), '{"a":{"b":[1,"two"]}}');
  await writeFile(inFolder("ArtifactInstall_Enter_00_first"), "#!/bin/sh\nexit 0\n");
  await writeFile(inFolder("ArtifactCommit_Leave_10"), "#!/bin/sh\nexit 1\n");
  await chmod(inFolder("ArtifactCommit_Leave_10"), 0o755);
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  await writeFile(inFolder("rsa.key"), rsa.privateKey.export({ type: "pkcs1", format: "pem" }));
  await writeFile(inFolder("rsa.pub"), rsa.publicKey.export({ type: "spki", format: "pem" }));
  const ec = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  await writeFile(inFolder("ec.key"), ec.privateKey.export({ type: "sec1", format: "pem" }));
  await writeFile(inFolder("ec.pub"), ec.publicKey.export({ type: "spki", format: "pem" }));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(...args: string[]): Promise<string> {
  const path = inFolder(
    `${args
      .join(" ")
      .replace(/[^a-z0-9]+/gi, "_")
      .slice(-80)}.mender`,
  );
  await run("mender-artifact", ["write", ...args, "-o", path], { cwd: folder });
  return path;
}

const ROOTFS = ["rootfs-image", "-t", "board-a", "-t", "board-b", "-n", "release-1", "-f", "image.ext4"];

test.each(["none", "gzip", "lzma"])(
  "reads a rootfs-image of mender-artifact compressed with %s",
  async (compression) => {
    const path = await write(...ROOTFS, "--compression", compression);
    const { info, payloads } = await readAll(await openFileSource(path, new AbortController().signal));
    expect(info).toEqual({
      version: 3,
      compression,
      signature: { present: false },
      name: "release-1",
      deviceTypes: ["board-a", "board-b"],
      depends: {},
      scripts: [],
      headerInfo: JSON.stringify({
        payloads: [{ type: "rootfs-image" }],
        artifact_provides: { artifact_name: "release-1" },
        artifact_depends: { device_type: ["board-a", "board-b"] },
      }),
      payloads: [
        {
          type: "rootfs-image",
          typeInfo: JSON.stringify({
            // mender-artifact leaves the type of a rootfs-image empty.
            type: "",
            artifact_provides: { "rootfs-image.checksum": IMAGE_SHA256, "rootfs-image.version": "release-1" },
            clears_artifact_provides: ["artifact_group", "rootfs_image_checksum", "rootfs-image.*"],
          }),
          provides: { "rootfs-image.checksum": IMAGE_SHA256, "rootfs-image.version": "release-1" },
          depends: {},
          clearsProvides: ["artifact_group", "rootfs_image_checksum", "rootfs-image.*"],
          files: [{ name: "image.ext4", sha256: IMAGE_SHA256 }],
        },
      ],
    });
    expect(payloads).toEqual([[{ name: "image.ext4", content: IMAGE }]]);
  },
);

test.each(["none", "gzip", "lzma"])(
  "reads a module-image with everything in it, compressed with %s",
  async (compression) => {
    const options = ["-g", "group-1", "-N", "old", "-G", "old-group", "-p", "pk:pv", "-d", "dk:dv", "-m", "meta.json"];
    const scripts = ["-s", "ArtifactInstall_Enter_00_first", "-s", "ArtifactCommit_Leave_10"];
    const path = await write(
      ...[
        "module-image",
        "-T",
        "single-file",
        "-t",
        "board-a",
        "-n",
        "module-1",
        "-f",
        "image.ext4",
        "-f",
        "second.bin",
      ],
      ...[...options, ...scripts, "--compression", compression],
    );
    const { info, scripts: found, payloads } = await readAll(await openFileSource(path, new AbortController().signal));
    expect({ ...info, payloads: [], scripts: [] }).toEqual({
      version: 3,
      compression,
      signature: { present: false },
      name: "module-1",
      group: "group-1",
      deviceTypes: ["board-a"],
      depends: { artifact_name: ["old"], artifact_group: ["old-group"] },
      headerInfo: JSON.stringify({
        payloads: [{ type: "single-file" }],
        artifact_provides: { artifact_name: "module-1", artifact_group: "group-1" },
        artifact_depends: { artifact_name: ["old"], device_type: ["board-a"], artifact_group: ["old-group"] },
      }),
      scripts: [],
      payloads: [],
    });
    expect(info.scripts).toEqual(found.map(({ name }) => name));
    expect(found.map(({ name, content }) => `${name}: ${content}`).sort()).toEqual([
      "ArtifactCommit_Leave_10: #!/bin/sh\nexit 1\n",
      "ArtifactInstall_Enter_00_first: #!/bin/sh\nexit 0\n",
    ]);
    expect(info.payloads).toHaveLength(1);
    expect(info.payloads[0]).toMatchObject({
      type: "single-file",
      provides: { pk: "pv", "rootfs-image.single-file.version": "module-1" },
      depends: { dk: ["dv"] },
      clearsProvides: ["rootfs-image.single-file.*"],
    });
    expect(info.payloads.map(({ metaData }) => metaData && textOf(metaData))).toEqual(['{"a":{"b":[1,"two"]}}']);
    expect(payloads[0]?.map((file) => file.content.length).sort()).toEqual([0, IMAGE.length]);
  },
);

test.each(["none", "gzip"])("reads a bootstrap-artifact compressed with %s", async (compression) => {
  const path = await write(
    ...["bootstrap-artifact", "-t", "board-a", "-n", "boot-1", "-p", "rootfs-image.version:v1"],
    ...["--compression", compression],
  );
  const { info, payloads } = await readAll(await openFileSource(path, new AbortController().signal));
  const provides = { "rootfs-image.version": "v1" };
  const typeInfo = JSON.stringify({ type: null, artifact_provides: provides });
  expect(info.payloads).toEqual([{ type: null, provides, depends: {}, typeInfo, files: [] }]);
  expect(payloads).toEqual([[]]);
});

test.each(["rsa", "ec"])("accepts the signature that mender-artifact makes with a key of kind %s", async (kind) => {
  const path = await write(...ROOTFS, "-k", `${kind}.key`);
  const key = await loadVerificationKey(inFolder(`${kind}.pub`));
  const other = await loadVerificationKey(inFolder(kind === "rsa" ? "ec.pub" : "rsa.pub"));
  const bytes = await readFile(path);
  expect((await readAll(bytes, { verifyKeys: [other, key] })).info.signature).toEqual({
    present: true,
    valid: true,
    key: inFolder(`${kind}.pub`),
  });
  expect((await readAll(bytes)).info.signature).toEqual({ present: true });
  await expect(readAll(bytes, { verifyKeys: [other] })).rejects.toMatchObject({ code: "ARTIFACT_SIGNATURE" });
});

test("refuses an unsigned Artifact where a key is given", async () => {
  const key = await loadVerificationKey(inFolder("rsa.pub"));
  const bytes = await readFile(await write(...ROOTFS, "--compression", "none"));
  await expect(readAll(bytes, { verifyKeys: [key] })).rejects.toMatchObject({ code: "ARTIFACT_NOT_SIGNED" });
});
