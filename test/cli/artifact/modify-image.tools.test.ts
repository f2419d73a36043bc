import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { needs } from "../../support/needs.ts";
import { artifact, failure } from "./run-artifact.ts";

const { test } = needs("ext4");

const dir = mkdtempSync(join(tmpdir(), "switchback-modify-image-"));
const at = (name: string): string => join(dir, name);
afterAll(() => rmSync(dir, { recursive: true }));

function makeImage(name: string, tree: string): void {
  writeFileSync(at(name), "");
  truncateSync(at(name), 2 * 1024 * 1024);
  execFileSync("mkfs.ext4", ["-q", "-d", at(tree), at(name)]);
}

beforeAll(async () => {
  mkdirSync(at("tree/etc/mender"), { recursive: true });
  mkdirSync(at("empty/etc"), { recursive: true });
  writeFileSync(at("tree/etc/mender/mender.conf"), '{"ServerURL":"https://old","RetryPollCount":3}', { mode: 0o600 });
  writeFileSync(at("tree/etc/mender/artifact_info"), "artifact_name=r1\n", { mode: 0o640 });
  writeFileSync(at("certificate"), "certificate of the server\n");
  writeFileSync(at("key"), "key that verifies\n");
  makeImage("rootfs.ext4", "tree");
  makeImage("empty.ext4", "empty");
  for (const name of ["rootfs", "empty"]) {
    const write = ["write", "rootfs-image", "-t", "a", "-n", "r1", "-f", at(`${name}.ext4`)];
    expect((await artifact(...write, "-o", at(`${name}.mender`))).exitCode).toBe(0);
  }
});

/** The same tool as for an Artifact: debugfs of the image that the payload is. */
function debugfs(image: string, request: string): string {
  return execFileSync("debugfs", ["-R", request, at(image)], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

const SETTINGS = ["-u", "https://ota.example.com", "-t", "token", "-c", at("certificate"), "-v", at("key")];

function expectSettings(image: string): void {
  expect(JSON.parse(debugfs(image, "cat /etc/mender/mender.conf"))).toEqual({
    ServerURL: "https://ota.example.com",
    RetryPollCount: 3,
    TenantToken: "token",
  });
  expect(debugfs(image, "stat /etc/mender/mender.conf")).toContain("Mode:  0600");
  expect(debugfs(image, "cat /etc/mender/server.crt")).toBe("certificate of the server\n");
  expect(debugfs(image, "cat /etc/mender/artifact-verify-key.pem")).toBe("key that verifies\n");
}

test("modify changes the settings in an image by itself, and its Artifact name", async () => {
  copyFileSync(at("rootfs.ext4"), at("bare.ext4"));
  const io = await artifact("modify", ...SETTINGS, "-n", "r2", at("bare.ext4"));
  expect([io.exitCode, io.errLines]).toEqual([0, []]);
  expectSettings("bare.ext4");
  expect(debugfs("bare.ext4", "cat /etc/mender/artifact_info")).toBe("artifact_name=r2");
  expect(debugfs("bare.ext4", "stat /etc/mender/artifact_info")).toContain("Mode:  0640");
});

test("modify changes the settings in the image of an Artifact, with its header, and renews the checksum", async () => {
  const edit = [...SETTINGS, "-n", "r2", "-p", "rootfs-image.checksum:x", "--compression", "none"];
  const io = await artifact("modify", ...edit, "-o", at("new.mender"), at("rootfs.mender"));
  expect([io.exitCode, io.errLines]).toEqual([0, []]);
  expect((await artifact("dump", "--files", at("out"), at("new.mender"))).exitCode).toBe(0);
  expectSettings("out/rootfs.ext4");
  expect(debugfs("out/rootfs.ext4", "cat /etc/mender/artifact_info")).toBe("artifact_name=r2");
  const sha256 = createHash("sha256")
    .update(readFileSync(at("out/rootfs.ext4")))
    .digest("hex");
  expect(JSON.parse((await artifact("read", "--json", at("new.mender"))).outLines.join(""))).toMatchObject({
    name: "r2",
    payloads: [{ provides: { "rootfs-image.checksum": sha256 }, files: [{ sha256 }] }],
  });
});

test("modify of the name leaves an image without the folder of an agent as it is", async () => {
  const io = await artifact("modify", "-n", "r2", "-o", at("named.mender"), at("empty.mender"));
  expect([io.exitCode, io.errLines]).toEqual([0, []]);
  expect((await artifact("dump", "--files", at("same"), at("named.mender"))).exitCode).toBe(0);
  expect(readFileSync(at("same/empty.ext4")).equals(readFileSync(at("empty.ext4")))).toBe(true);
});

test("modify refuses what an image cannot have, and leaves it as it is", async () => {
  const before = readFileSync(at("rootfs.ext4"));
  expect(await failure("modify", "-p", "a:b", at("rootfs.ext4"))).toMatch(/OPTION_INVALID: .*--provides/);
  expect(await failure("modify", "-k", at("nokey"), at("rootfs.ext4"))).toContain("KEY_UNREADABLE");
  expect(await failure("modify", "-c", at("nothing"), at("rootfs.ext4"))).toContain("PAYLOAD_UNREADABLE");
  expect(await failure("modify", "-u", "https://x", at("empty.ext4"))).toContain("IMAGE_FILE_MISSING");
  expect(await failure("modify", "-n", "x", at("certificate"))).toContain("IMAGE_FILE_SYSTEM");
  expect(readFileSync(at("rootfs.ext4")).equals(before)).toBe(true);
});
