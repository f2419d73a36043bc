import { createPublicKey, createSign, generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { loadVerificationKey, loadVerificationKeys, verifySignature } from "../../src/artifact/signature.ts";
import { loadSigningKey, signManifest } from "../../src/artifact/signing.ts";
import { makeKeyFiles } from "./keys.ts";

const dir = mkdtempSync(join(tmpdir(), "switchback-signature-"));
afterAll(() => rmSync(dir, { recursive: true }));

const rsa = makeKeyFiles(dir, "rsa");
const ec = makeKeyFiles(dir, "ec");
const ed25519 = makeKeyFiles(dir, "ed25519");
const manifest = Buffer.from(`${"0".repeat(64)}  version\n`);
const { signal } = new AbortController();
const noWarning = (message: string): never => expect.unreachable(message);
const file = (name: string, content: string | Buffer): string => {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
};
const base64 = (signature: Buffer): Buffer => Buffer.from(signature.toString("base64"));

for (const [name, key, length] of [
  ["RSA-2048", rsa, 344],
  ["ECDSA P-256", ec, 88],
] as const) {
  test(`a manifest signed with ${name} verifies with its public key, and with that manifest only`, async () => {
    const signature = await signManifest(manifest, await loadSigningKey(key.privatePath, noWarning), signal);
    const verifier = await loadVerificationKey(key.publicPath);
    expect(signature.length).toBe(length);
    expect(verifySignature(manifest, signature, [verifier])).toEqual({
      present: true,
      valid: true,
      key: key.publicPath,
    });
    expect(verifySignature(Buffer.from("another"), signature, [verifier])).toEqual({ present: true, valid: false });
  });
}

test("signing with Ed25519 warns that no other client verifies it, and verifies here", async () => {
  const warnings: string[] = [];
  const key = await loadSigningKey(ed25519.privatePath, (line) => warnings.push(line));
  const signature = await signManifest(manifest, key, signal);
  const verifier = await loadVerificationKey(ed25519.publicPath);
  expect(warnings).toEqual([
    `${ed25519.privatePath} is an Ed25519 key: no other Mender client verifies its signatures`,
  ]);
  expect(verifySignature(manifest, signature, [verifier]).valid).toBe(true);
  expect(verifySignature(Buffer.from("another"), signature, [verifier]).valid).toBe(false);
});

test("an ECDSA signature in DER form, as hardware signers make it, verifies too", async () => {
  const signature = base64(createSign("sha256").update(manifest).sign(ec.privateKey));
  expect(verifySignature(manifest, signature, [await loadVerificationKey(ec.publicPath)]).valid).toBe(true);
});

test("a signature verifies in one spelling only: bits of its last character that belong to nothing are not ignored", async () => {
  const signature = await signManifest(manifest, await loadSigningKey(ec.privatePath, noWarning), signal);
  const verifier = await loadVerificationKey(ec.publicPath);
  const other = Buffer.from(signature);
  other.writeUInt8(other.readUInt8(85) + 1, 85);
  expect(Buffer.from(other.toString(), "base64").equals(Buffer.from(signature.toString(), "base64"))).toBe(true);
  expect(verifySignature(manifest, signature, [verifier]).valid).toBe(true);
  expect(verifySignature(manifest, other, [verifier]).valid).toBe(false);
});

test("an RSA-PSS signature does not verify: clients know PKCS#1 v1.5 only", async () => {
  const signature = base64(sign("sha256", manifest, { key: rsa.privateKey, padding: 6 }));
  expect(verifySignature(manifest, signature, [await loadVerificationKey(rsa.publicPath)]).valid).toBe(false);
});

test("keys are tried in turn, and the matching one is named", async () => {
  const keys = await Promise.all([rsa, ed25519, ec].map((key) => loadVerificationKey(key.publicPath)));
  const signature = await signManifest(manifest, await loadSigningKey(ec.privatePath, noWarning), signal);
  expect(verifySignature(manifest, signature, keys)).toEqual({ present: true, valid: true, key: ec.publicPath });
  expect(verifySignature(manifest, signature, keys.slice(0, 2))).toEqual({ present: true, valid: false });
});

test("without keys a signature is present and neither valid nor invalid", () => {
  expect(verifySignature(manifest, Buffer.from("AAAA"), [])).toEqual({ present: true });
});

test("line ends inside the base64 text are ignored, other characters are not", async () => {
  const text = Buffer.from(
    await signManifest(manifest, await loadSigningKey(rsa.privatePath, noWarning), signal),
  ).toString();
  const keys = [await loadVerificationKey(rsa.publicPath)];
  expect(verifySignature(manifest, Buffer.from(`${text.slice(0, 76)}\r\n${text.slice(76)}\n`), keys).valid).toBe(true);
  expect(verifySignature(manifest, Buffer.from(`${text} `), keys).valid).toBe(false);
  expect(verifySignature(manifest, Buffer.from(text.replaceAll("=", "")), keys).valid).toBe(false);
});

test("no garbage in place of a signature is valid or throws", async () => {
  const keys = await Promise.all([rsa, ed25519, ec].map((key) => loadVerificationKey(key.publicPath)));
  const check = (bytes: Uint8Array): void => {
    expect(verifySignature(manifest, bytes, keys)).toEqual({ present: true, valid: false });
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), check), { numRuns: 100 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (raw) => check(base64(Buffer.from(raw)))),
    { numRuns: 100 },
  );
  fc.assert(fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (raw) => check(base64(Buffer.from(raw)))));
});

const p384 = generateKeyPairSync("ec", { namedCurve: "secp384r1" });
const x25519 = generateKeyPairSync("x25519");
const pkcs8 = { type: "pkcs8", format: "pem" } as const;
const spki = { type: "spki", format: "pem" } as const;

/** No key to sign with: only its shape counts. */
function rsaWith(e: string, bytes: number): string {
  const n = Buffer.alloc(bytes, 0xc1).toString("base64url");
  return createPublicKey({ key: { kty: "RSA", n, e }, format: "jwk" })
    .export(spki)
    .toString();
}

function ed25519Of(hex: string): string {
  const x = Buffer.from(hex, "hex").toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" })
    .export(spki)
    .toString();
}

/** Points with both signs, and with coordinates that are not reduced. */
const LOW_ORDER = [
  "00".repeat(32),
  `${"00".repeat(31)}80`,
  `01${"00".repeat(31)}`,
  `ec${"ff".repeat(30)}7f`,
  `ec${"ff".repeat(31)}`,
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
];

test("a verification key of 1024 bits is taken, with a warning", async () => {
  const path = file("1024.pub", rsaWith("AQAB", 128));
  const logged: string[] = [];
  const log = (level: string, message: string) => logged.push(`${level}: ${message}`);
  expect(await loadVerificationKeys([path, file("2048.pub", rsaWith("AQAB", 256))], log)).toHaveLength(2);
  expect(logged).toEqual([`warning: ${path}: RSA with 1024 bits is weak: use 2048 or more`]);
});

for (const [title, path, expected] of [
  ["a missing file", join(dir, "nowhere.pem"), { code: "KEY_UNREADABLE" }],
  [
    "a private key",
    rsa.privatePath,
    { code: "KEY_NOT_PUBLIC", detail: { path: rsa.privatePath, found: "private key" } },
  ],
  ["a certificate", file("cert.pem", "-----BEGIN CERTIFICATE-----\n"), { code: "KEY_NOT_PUBLIC" }],
  ["no PEM at all", file("junk.pem", "junk"), { code: "KEY_INVALID" }],
  [
    "another curve",
    file("p384.pub", p384.publicKey.export(spki)),
    { code: "KEY_UNSUPPORTED", detail: { curve: "secp384r1" } },
  ],
  [
    "another type",
    file("x.pub", x25519.publicKey.export(spki)),
    { code: "KEY_UNSUPPORTED", detail: { type: "x25519" } },
  ],
  ["RSA with the exponent 1", file("e1.pub", rsaWith("AQ", 256)), { code: "KEY_WEAK", detail: { exponent: "1" } }],
  ["RSA with an even exponent", file("e4.pub", rsaWith("BA", 256)), { code: "KEY_WEAK", detail: { exponent: "4" } }],
  ["RSA with 512 bits", file("512.pub", rsaWith("AQAB", 64)), { code: "KEY_WEAK", detail: { bits: 512 } }],
  ...LOW_ORDER.map(
    (hex) =>
      [
        `the Ed25519 point ${hex}`,
        file(`${hex}.pub`, ed25519Of(hex)),
        { code: "KEY_WEAK", detail: { type: "ed25519" } },
      ] as const,
  ),
] as const) {
  test(`a verification key that is ${title} is refused by name`, async () => {
    await expect(loadVerificationKey(path)).rejects.toMatchObject(expected);
  });
}

for (const [title, path, expected, passphrase = undefined] of [
  ["a missing file", join(dir, "nowhere.pem"), { code: "KEY_UNREADABLE" }],
  ["a public key", rsa.publicPath, { code: "KEY_NOT_PRIVATE", detail: { found: "public key" } }],
  [
    "encrypted",
    file("locked.pem", rsa.privateKey.export({ ...pkcs8, cipher: "aes-256-cbc", passphrase: "x" })),
    { code: "KEY_ENCRYPTED" },
  ],
  [
    "encrypted in the old way",
    file("old.pem", rsa.privateKey.export({ type: "pkcs1", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })),
    { code: "KEY_ENCRYPTED" },
  ],
  [
    "encrypted, with another passphrase",
    file("locked.pem", rsa.privateKey.export({ ...pkcs8, cipher: "aes-256-cbc", passphrase: "x" })),
    { code: "KEY_PASSPHRASE" },
    "y",
  ],
  ["no PEM at all", file("junk2.pem", "junk"), { code: "KEY_INVALID" }],
  [
    "of another curve",
    file("p384.key", p384.privateKey.export(pkcs8)),
    { code: "KEY_UNSUPPORTED", detail: { curve: "secp384r1" } },
  ],
] as const) {
  test(`a signing key that is ${title} is refused by name`, async () => {
    await expect(loadSigningKey(path, noWarning, passphrase)).rejects.toMatchObject(expected);
  });
}

test("private keys are read as PKCS#1, SEC1 and PKCS#8", async () => {
  const forms = {
    "pkcs8-rsa.pem": rsa.privateKey.export({ type: "pkcs8", format: "pem" }),
    "pkcs8-ec.pem": ec.privateKey.export({ type: "pkcs8", format: "pem" }),
    "pkcs1-rsa.pem": rsa.privateKey.export({ type: "pkcs1", format: "pem" }),
    "sec1-ec.pem": ec.privateKey.export({ type: "sec1", format: "pem" }),
  };
  const algorithms = [];
  for (const [name, pem] of Object.entries(forms)) {
    algorithms.push((await loadSigningKey(file(name, pem), noWarning)).algorithm);
  }
  expect(algorithms).toEqual(["rsa", "ecdsa-p256", "rsa", "ecdsa-p256"]);
});
