import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { metaDataOf } from "../../src/artifact/meta-data.ts";
import type { Compression } from "../../src/artifact/model.ts";
import { loadSigningKey } from "../../src/artifact/signing.ts";
import { writeArtifact } from "../support/write-artifact.ts";
import { moduleRequest, requestFor, rootfsRequest } from "./artifact-requests.ts";
import { makeKeyFiles } from "./keys.ts";

const dir = mkdtempSync(join(tmpdir(), "switchback-writer-"));
afterAll(() => rmSync(dir, { recursive: true }));

const { signal } = new AbortController();
const nothing = (): void => undefined;
let counter = 0;
const fresh = (): string => {
  counter += 1;
  const path = join(dir, `case-${counter}`);
  mkdirSync(path);
  return path;
};
const put = (folder: string, name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const CONTENT = "content ".repeat(64);
/** 2.5 pieces, half of them easy to compress. */
const IMAGE = Buffer.concat([Buffer.alloc(1_300_000, "switchback "), createPattern(1_300_000)]);
function createPattern(length: number): Buffer {
  const block = createHash("sha512");
  const parts: Buffer[] = [];
  for (let index = 0; index * 64 < length; index += 1) parts.push(block.copy().update(String(index)).digest());
  return Buffer.concat(parts).subarray(0, length);
}
const untar = (path: string, member: string): Buffer => execFileSync("tar", ["-xOf", path, member], { maxBuffer: 1e8 });
const list = (path: string, ...options: string[]): string[] =>
  execFileSync("tar", [...options, "--numeric-owner", "-tvf", path], {
    encoding: "utf8",
    env: { ...process.env, TZ: "UTC" },
  })
    .trim()
    .split("\n")
    .map((line) => line.replace(/ +/g, " "));
const UNPACK: Readonly<Record<Compression, string>> = {
  none: "cat",
  gzip: "gzip -dc",
  lzma: "xz -dc",
  zstd: "zstd -dc",
};
const SUFFIX: Readonly<Record<Compression, string>> = { none: "", gzip: ".gz", lzma: ".xz", zstd: ".zst" };

for (const compression of ["none", "gzip", "lzma", "zstd"] as const) {
  test(`a ${compression} Artifact holds the image whole, and is the same bytes each time`, async () => {
    const folder = fresh();
    const image = put(folder, "rootfs.ext4", IMAGE);
    const [one, two] = [join(folder, "one.mender"), join(folder, "two.mender")];
    await writeArtifact(rootfsRequest(image, { compression }), one, nothing, signal);
    utimesSync(image, 1, 1);
    chmodSync(image, 0o400);
    await writeArtifact(rootfsRequest(image, { compression }), two, nothing, signal);
    expect(Buffer.compare(readFileSync(one), readFileSync(two))).toBe(0);
    const data = put(folder, "data", untar(one, `data/0000.tar${SUFFIX[compression]}`));
    const plain = execFileSync("sh", ["-c", `${UNPACK[compression]} < "$0"`, data], { maxBuffer: 1e8 });
    expect(list(put(folder, "plain.tar", plain))).toEqual(["-rw-r--r-- 0/0 2600000 1970-01-01 00:00 rootfs.ext4"]);
    expect(Buffer.compare(untar(join(folder, "plain.tar"), "rootfs.ext4"), IMAGE)).toBe(0);
    expect(plain.length % 512).toBe(0);
  });
}

test("a rootfs-image has the members, names and times of the real tool's, and none of the builder's", async () => {
  const folder = fresh();
  const key = await loadSigningKey(makeKeyFiles(folder, "ec").privatePath, nothing);
  const script = put(folder, "ArtifactInstall_Enter_00", "#!/bin/sh\n");
  const output = join(folder, "a.mender");
  const written = await writeArtifact(
    rootfsRequest(put(folder, "image", CONTENT), { key, scripts: [script] }),
    output,
    nothing,
    signal,
  );
  const header = put(folder, "header.tar", untar(output, "header.tar"));
  expect(list(output)).toEqual([
    "-rw------- 0/0 31 1970-01-01 00:00 version",
    "-rw------- 0/0 233 1970-01-01 00:00 manifest",
    "-rw------- 0/0 88 1970-01-01 00:00 manifest.sig",
    "-rw------- 0/0 4608 1970-01-01 00:00 header.tar",
    "-rw------- 0/0 2048 1970-01-01 00:00 data/0000.tar",
  ]);
  expect(list(header)).toEqual([
    "-rw------- 0/0 135 1970-01-01 00:00 header-info",
    "-rwxr-xr-x 0/0 10 1970-01-01 00:00 scripts/ArtifactInstall_Enter_00",
    "-rw------- 0/0 246 1970-01-01 00:00 headers/0000/type-info",
    "-rw------- 0/0 0 1970-01-01 00:00 headers/0000/meta-data",
  ]);
  expect(written.sizeBytes).toBe(readFileSync(output).length);
  expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("documents are those of the real tool, to the byte", async () => {
  const folder = fresh();
  const output = join(folder, "a.mender");
  const content = createHash("sha256").update(CONTENT).digest("hex");
  await writeArtifact(
    rootfsRequest(put(folder, "image", CONTENT), { group: "g", dependsNames: ["old"], dependsGroups: ["h"] }),
    output,
    nothing,
    signal,
  );
  const header = put(folder, "header.tar", untar(output, "header.tar"));
  expect(untar(output, "version").toString()).toBe('{"format":"mender","version":3}');
  expect(untar(output, "manifest").toString()).toBe(
    `${content}  data/0000/image\n` +
      `${createHash("sha256").update(readFileSync(header)).digest("hex")}  header.tar\n` +
      "96bcd965947569404798bcbdb614f103db5a004eb6e364cfc162c146890ea35b  version\n",
  );
  expect(untar(header, "header-info").toString()).toBe(
    '{"payloads":[{"type":"rootfs-image"}],"artifact_provides":{"artifact_name":"release-1","artifact_group":"g"},' +
      '"artifact_depends":{"artifact_name":["old"],"device_type":["board-a"],"artifact_group":["h"]}}',
  );
  expect(untar(header, "headers/0000/type-info").toString()).toBe(
    `{"type":"","artifact_provides":{"rootfs-image.checksum":"${content}","rootfs-image.version":"release-1"},` +
      '"clears_artifact_provides":["artifact_group","rootfs_image_checksum","rootfs-image.*"]}',
  );
});

test("meta-data is written unchanged except for blanks", async () => {
  const folder = fresh();
  const output = join(folder, "a.mender");
  const metaData = '{ "b": 1E400,\n"a": {"z": [{"y": 9007199254740993, "x": null}, {}], "__proto__": 2 }}\n';
  await writeArtifact(moduleRequest({ metaData: metaDataOf(Buffer.from(metaData)) }), output, nothing, signal);
  const header = put(folder, "header.tar", untar(output, "header.tar"));
  expect(untar(header, "headers/0000/meta-data").toString()).toBe(
    '{"b":1E400,"a":{"z":[{"y":9007199254740993,"x":null},{}],"__proto__":2}}',
  );
});

test("an empty payload has a null type, no meta-data and an empty data tar", async () => {
  const folder = fresh();
  const output = join(folder, "a.mender");
  const payload = { kind: "empty", type: "", files: [], provides: {}, depends: {}, clearsProvides: [] } as const;
  await writeArtifact(requestFor(payload), output, nothing, signal);
  const header = put(folder, "header.tar", untar(output, "header.tar"));
  expect(untar(header, "headers/0000/type-info").toString()).toBe('{"type":null}');
  expect(list(header)).toHaveLength(2);
  expect(untar(output, "data/0000.tar")).toEqual(Buffer.alloc(1024));
});

test("scripts are sorted, also out of folders, and payload files keep the order that was asked for", async () => {
  const folder = fresh();
  mkdirSync(join(folder, "scripts"));
  put(join(folder, "scripts"), "ArtifactInstall_Leave_01_b", "b");
  put(join(folder, "scripts"), "ArtifactCommit_Enter_00", "a");
  const single = put(folder, "ArtifactFailure_Enter_99", "c");
  const output = join(folder, "a.mender");
  const files = [put(folder, "z", "1"), put(folder, "a", ""), put(folder, "m", "3")];
  await writeArtifact(
    moduleRequest({ files }, { scripts: [single, join(folder, "scripts")] }),
    output,
    nothing,
    signal,
  );
  const header = put(folder, "header.tar", untar(output, "header.tar"));
  const data = put(folder, "data.tar", untar(output, "data/0000.tar"));
  const names = (path: string): string[] => execFileSync("tar", ["-tf", path], { encoding: "utf8" }).trim().split("\n");
  expect(names(header).slice(1, 4)).toEqual([
    "scripts/ArtifactCommit_Enter_00",
    "scripts/ArtifactFailure_Enter_99",
    "scripts/ArtifactInstall_Leave_01_b",
  ]);
  expect(names(data)).toEqual(["z", "a", "m"]);
});

test("each payload byte is read once", async () => {
  const folder = fresh();
  let bytes = 0;
  const count = (more: number): void => {
    bytes += more;
  };
  await writeArtifact(rootfsRequest(put(folder, "image", IMAGE)), join(folder, "a.mender"), count, signal);
  expect(bytes).toBe(IMAGE.length);
});

test("a signature longer than expected costs a second pass, with the same bytes and only one signature", async () => {
  const folder = fresh();
  const image = put(folder, "image", IMAGE);
  const signed: string[] = [];
  const key = {
    algorithm: undefined,
    async sign(manifest: Uint8Array) {
      signed.push(Buffer.from(manifest).toString());
      return Buffer.alloc(512, manifest);
    },
  };
  const paths = [join(folder, "known.mender"), join(folder, "unknown.mender")] as const;
  let bytes = 0;
  const count = (more: number): void => {
    bytes += more;
  };
  const known = { ...key, signatureBytes: 512 };
  await writeArtifact(rootfsRequest(image, { key: known, compression: "gzip" }), paths[0], count, signal);
  await writeArtifact(rootfsRequest(image, { key, compression: "gzip" }), paths[1], count, signal);
  expect(Buffer.compare(readFileSync(paths[0]), readFileSync(paths[1]))).toBe(0);
  expect(signed).toEqual(Array(2).fill(untar(paths[1], "manifest").toString()));
  expect(bytes, "progress does not run past its end").toBe(2 * IMAGE.length);
});

for (const compression of ["none", "gzip", "lzma"] as const) {
  for (const [how, change] of [
    ["grows", (image: string) => appendFileSync(image, "more")],
    ["shrinks", (image: string) => writeFileSync(image, IMAGE.subarray(0, 2_000_000))],
    ["changes", (image: string) => writeFileSync(image, Buffer.concat([IMAGE.subarray(1), Buffer.from("x")]))],
  ] as const) {
    test(`an image that ${how} while it is written as ${compression} is an error that leaves the old output alone`, async () => {
      const folder = fresh();
      const image = put(folder, "image", IMAGE);
      // The change must not happen in the same tick of the file system's clock.
      utimesSync(image, 1, 1);
      const output = put(folder, "a.mender", "old");
      let bytes = 0;
      const disturb = (more: number): void => {
        if (bytes === 0) change(image);
        bytes += more;
      };
      const writing = writeArtifact(rootfsRequest(image, { compression }), output, disturb, signal);
      await expect(writing).rejects.toMatchObject({ code: "PAYLOAD_CHANGED", detail: { path: image } });
      expect(readFileSync(output, "utf8")).toBe("old");
      expect(readdirSync(folder).sort()).toEqual(["a.mender", "image"]);
    });
  }
  test(`an interrupt in the middle of writing ${compression} leaves nothing behind`, async () => {
    const folder = fresh();
    const image = put(folder, "image", IMAGE);
    const interrupt = new AbortController();
    let bytes = 0;
    const writing = writeArtifact(
      rootfsRequest(image, { compression }),
      join(folder, "a.mender"),
      (more) => {
        bytes += more;
        interrupt.abort(new Error("interrupted"));
      },
      interrupt.signal,
    );
    await expect(writing).rejects.toThrow("interrupted");
    expect(bytes, "nothing is read any more").toBeLessThan(IMAGE.length);
    expect(readdirSync(folder)).toEqual(["image"]);
  });
}
