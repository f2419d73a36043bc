import { execFileSync } from "node:child_process";
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
import { run } from "../../../src/cli/run.ts";
import { makeKeyFiles } from "../../artifact/keys.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { artifact, failure } from "./run-artifact.ts";

const dir = mkdtempSync(join(tmpdir(), "switchback-check-"));
afterAll(() => rmSync(dir, { recursive: true }));
const rsa = makeKeyFiles(dir, "rsa");
const ec = makeKeyFiles(dir, "ec");
const image = join(dir, "image");
const unsigned = join(dir, "unsigned.mender");
const signed = join(dir, "signed.mender");
const WRITE = ["write", "rootfs-image", "-t", "a", "-n", "release-1", "-f", image];

beforeAll(async () => {
  writeFileSync(image, "content ".repeat(64));
  await artifact(...WRITE, "-o", unsigned);
  await artifact(...WRITE, "-k", rsa.privatePath, "-o", signed);
});

const signatureOf = async (...args: readonly string[]): Promise<ArtifactDescription["signature"]> => {
  const io = await artifact("read", "--json", ...args);
  expect(io.exitCode).toBe(0);
  return ArtifactDescription.parse(JSON.parse(io.outLines.join(""))).signature;
};

test("read shows the signature and does not judge it", async () => {
  const wrong = ec.publicPath;
  expect(await signatureOf(unsigned)).toEqual({ present: false, valid: null, key: null });
  expect(await signatureOf("-k", wrong, unsigned)).toEqual({ present: false, valid: null, key: null });
  expect(await signatureOf(signed)).toEqual({ present: true, valid: null, key: null });
  expect(await signatureOf("-k", wrong, signed)).toEqual({ present: true, valid: false, key: null });
  const right = { present: true, valid: true, key: rsa.publicPath };
  expect(await signatureOf("-k", wrong, "-k", rsa.publicPath, signed)).toEqual(right);
});

const damaged = join(dir, "damaged.mender");
for (const args of [["read"], ["validate"], ["sign", "-k", rsa.privatePath]]) {
  test(`'${args[0]}' names the file that is damaged, or is a folder`, async () => {
    writeFileSync(damaged, readFileSync(signed).fill("x", 512, 1024));
    expect(await failure(...args, damaged)).toContain(`(path=${damaged}, member=version, `);
    expect(await failure(...args, dir)).toContain(`ARTIFACT_READ: Cannot read the Artifact. (path=${dir})`);
  });
}

test("read says in words what it knows about the signature", async () => {
  const words = async (...args: readonly string[]): Promise<readonly string[]> =>
    (await artifact("read", ...args)).outLines.filter((line) => /Signature|Verified/.test(line));
  expect(await words(unsigned)).toEqual(["  Signature: no signature"]);
  expect((await words(signed))[0]).toContain("signed but no key for verification provided");
  expect(await words("-k", ec.publicPath, signed)).toEqual([
    "  Signature: signed; verification using provided key failed",
  ]);
  expect(await words("-k", rsa.publicPath, signed)).toEqual([
    "  Signature: signed and verified correctly",
    `  Verified with: ${rsa.publicPath}`,
  ]);
});

test("validate judges: a signature needs a key that fits, and a key needs a signature", async () => {
  expect((await artifact("validate", unsigned)).outLines).toEqual([
    `Artifact file '${unsigned}' validated successfully`,
  ]);
  expect((await artifact("validate", "-k", ec.publicPath, "-k", rsa.publicPath, signed)).exitCode).toBe(0);
  expect(await failure("validate", signed)).toContain("SIGNATURE_UNCHECKED");
  expect(await failure("validate", "-k", ec.publicPath, signed)).toContain("ARTIFACT_SIGNATURE");
  expect(await failure("validate", "-k", rsa.publicPath, unsigned)).toContain("ARTIFACT_NOT_SIGNED");
  expect(await failure("validate", "-k", rsa.privatePath, signed)).toContain("KEY_NOT_PUBLIC");
});

test("validate --json prints one object for good and for bad, and the exit status agrees", async () => {
  const good = await artifact("validate", "--json", "-k", rsa.publicPath, signed);
  const bad = await artifact("validate", "--json", "-k", ec.publicPath, signed);
  expect([good.exitCode, bad.exitCode]).toEqual([0, 1]);
  expect([good, bad].map((io): unknown => JSON.parse(io.outLines.join("")))).toEqual([
    { path: signed, valid: true, key: rsa.publicPath },
    { path: signed, valid: false, code: "ARTIFACT_SIGNATURE" },
  ]);
});

test("a damaged or missing Artifact is refused by read, validate and sign in one line", async () => {
  const damaged = join(dir, "damaged.mender");
  const content = readFileSync(unsigned);
  writeFileSync(damaged, content.subarray(0, content.length - 1600));
  for (const command of [["read"], ["validate"], ["sign", "-k", rsa.privatePath]]) {
    expect(await failure(...command, damaged)).toContain("ARTIFACT_TRUNCATED");
    expect(await failure(...command, join(dir, "nothing"))).toMatch(/ARTIFACT_READ: .*ENOENT/);
    expect(await failure(...command, "--gcp-kms-key", "x", damaged)).toMatch(/OPTION_UNSUPPORTED: .*instead=--signer/);
    expect(await failure(...command, "--key-pkcs11", "x", damaged)).toMatch(/OPTION_INVALID|KEY_UNREADABLE/);
  }
  expect(readFileSync(damaged)).toEqual(content.subarray(0, content.length - 1600));
});

test("an interrupt ends reading with the signal's error", async () => {
  const io = new RecordingIo();
  const reason = new Error("interrupted");
  io.interrupt.abort(reason);
  await expect(run("switchback", ["artifact", "read", signed], io)).rejects.toBe(reason);
});

const members = (path: string): string[] => execFileSync("tar", ["-tf", path], { encoding: "utf8" }).trim().split("\n");
const member = (path: string, name: string): Buffer => execFileSync("tar", ["-xOf", path, name]);

test("sign adds the signature behind the manifest and leaves everything else as it is, byte for byte", async () => {
  const output = join(dir, "with-signature.mender");
  const io = await artifact("sign", "--json", "-k", ec.privatePath, "-o", output, unsigned);
  expect(io.outLines.map((line): unknown => JSON.parse(line))).toEqual([
    { path: output, signed: true, algorithm: "ecdsa-p256" },
  ]);
  expect(members(output)).toEqual(["version", "manifest", "manifest.sig", "header.tar.gz", "data/0000.tar.gz"]);
  const [before, after] = [readFileSync(unsigned), readFileSync(output)];
  const insertedAt = 512 + 512 + 512 + 512;
  expect(after.subarray(0, insertedAt)).toEqual(before.subarray(0, insertedAt));
  expect(after.subarray(insertedAt + 1024)).toEqual(before.subarray(insertedAt));
  expect(member(output, "manifest.sig")).toHaveLength(88);
});

test("sign replaces a signature in place only when forced, and keeps the mode of the file and the link to it", async () => {
  const target = join(dir, "again.mender");
  const link = join(dir, "link.mender");
  writeFileSync(target, readFileSync(signed));
  chmodSync(target, 0o640);
  symlinkSync(target, link);
  expect(await failure("sign", "-k", ec.privatePath, link)).toContain("ARTIFACT_ALREADY_SIGNED");
  expect(readFileSync(target)).toEqual(readFileSync(signed));
  expect((await artifact("sign", "-f", "-k", ec.privatePath, link)).outLines).toEqual([`Artifact signed: ${link}`]);
  expect((await artifact("validate", "-k", ec.publicPath, target)).exitCode).toBe(0);
  expect(statSync(target).mode & 0o777).toBe(0o640);
  expect(readdirSync(dir).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("sign needs a private key, and an Artifact that is right to its end", async () => {
  expect(await failure("sign", unsigned)).toMatch(/OPTION_MISSING: .*option=--key/);
  expect(await failure("sign", "-k", rsa.publicPath, unsigned)).toContain("KEY_NOT_PRIVATE");
  const damaged = join(dir, "flipped.mender");
  const content = readFileSync(unsigned);
  const at = content.indexOf("data/0000.tar.gz") + 512 + 30;
  content.writeUInt8(content.readUInt8(at) ^ 1, at);
  writeFileSync(damaged, content);
  expect(await failure("sign", "-k", rsa.privatePath, damaged)).toMatch(
    /ARTIFACT_(COMPRESSED_DATA|CHECKSUM|TAR_HEADER)/,
  );
  expect(readFileSync(damaged)).toEqual(content);
});
