import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadSigningKey, signManifest } from "../../src/artifact/signing.ts";
import { makeKeyFiles } from "./keys.ts";

const dir = mkdtempSync(join(tmpdir(), "switchback-openssl-"));
afterAll(() => rmSync(dir, { recursive: true }));
const rsa = makeKeyFiles(dir, "rsa");
const manifest = Buffer.from(`${"0".repeat(64)}  version\n`);
const { signal } = new AbortController();
const noWarning = (message: string): never => expect.unreachable(message);
const file = (name: string, content: string | Buffer): string => {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
};

test("an RSA signature is the PKCS#1 v1.5 signature that openssl verifies", async () => {
  const text = Buffer.from(
    await signManifest(manifest, await loadSigningKey(rsa.privatePath, noWarning), signal),
  ).toString();
  const signature = file("rsa.sig", Buffer.from(text, "base64"));
  const data = file("manifest", manifest);
  const answer = execFileSync("openssl", ["dgst", "-sha256", "-verify", rsa.publicPath, "-signature", signature, data]);
  expect(answer.toString()).toBe("Verified OK\n");
});

test("an EC key that openssl writes behind its parameters is read", async () => {
  const pem = execFileSync("openssl", ["ecparam", "-genkey", "-name", "prime256v1"], { encoding: "utf8" });
  expect(pem).toContain("BEGIN EC PARAMETERS");
  expect((await loadSigningKey(file("parameters.pem", pem), noWarning)).algorithm).toBe("ecdsa-p256");
});
