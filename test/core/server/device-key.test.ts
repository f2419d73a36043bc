import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { diskActs, diskReads } from "../../../adapters/files/disk.ts";
import { examineDeviceKey } from "../../../src/core/doctor/managed.ts";
import { authRequest } from "../../../src/core/server/authorization.ts";
import { loadDeviceKey, signWith } from "../../../src/core/server/device-key.ts";

let folder: string;
let path: string;
const logged: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-device-key-"));
  path = join(folder, "mender-agent.pem");
  logged.length = 0;
});
afterEach(() => rm(folder, { recursive: true }));

const load = (options: { isGiven?: boolean; passphrase?: string; replace?: boolean } = {}): Promise<KeyObject> =>
  loadDeviceKey(
    { path, isGiven: options.isGiven ?? false, passphrase: options.passphrase },
    (level, message) => logged.push(`${level}: ${message}`),
    { acts: diskActs, reads: diskReads },
    options.replace,
  );
const publicPem = (key: KeyObject): string => createPublicKey(key).export({ type: "spki", format: "pem" }).toString();
const withCode = (code: string) => expect.objectContaining({ code });

const RSA = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const EC = generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey;
const ED = generateKeyPairSync("ed25519").privateKey;
const CIPHER = { cipher: "aes-256-cbc", passphrase: "open sesame" };

test.each<[string, KeyObject, string | Buffer, string?]>([
  ["RSA in PKCS#1", RSA, RSA.export({ type: "pkcs1", format: "pem" })],
  ["RSA in PKCS#8", RSA, RSA.export({ type: "pkcs8", format: "pem" })],
  ["ECDSA in SEC1", EC, EC.export({ type: "sec1", format: "pem" })],
  ["ECDSA in PKCS#8", EC, EC.export({ type: "pkcs8", format: "pem" })],
  ["Ed25519 in PKCS#8", ED, ED.export({ type: "pkcs8", format: "pem" })],
  ["RSA in encrypted PKCS#1", RSA, RSA.export({ type: "pkcs1", format: "pem", ...CIPHER }), "open sesame"],
  ["ECDSA in encrypted PKCS#8", EC, EC.export({ type: "pkcs8", format: "pem", ...CIPHER }), "open sesame"],
])("%s signs what a server can verify", async (_what, original, pem, passphrase) => {
  await writeFile(path, pem);
  const key = await load(passphrase === undefined ? {} : { passphrase });
  expect(publicPem(key)).toBe(publicPem(original));
  const { body = "", headers } = authRequest('{"mac":"1"}', key, undefined);
  const digest = original === ED ? null : "sha256";
  const signature = Buffer.from(headers?.["x-men-signature"] ?? "", "base64");
  // Node's default for ECDSA is the DER form, which the device API wants.
  expect(verify(digest, Buffer.from(body), JSON.parse(body.toString()).pubkey, signature)).toBe(true);
  expect(await readFile(path)).toEqual(Buffer.from(pem));
});

test("an ECDSA signature is DER and no bare pair of numbers", () => {
  expect(Buffer.from(signWith(EC, Buffer.from("x")), "base64")[0]).toBe(0x30);
});

test.each([undefined, "", "\n \n"])("a key that is missing or empty is made, with mode 0600: %j", async (content) => {
  if (content !== undefined) await writeFile(path, content, { mode: 0o644 });
  const made = await load();
  expect(made.asymmetricKeyType).toBe("ed25519");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(["mender-agent.pem"]);
  expect(publicPem(await load())).toBe(publicPem(made));
  expect(logged).toEqual([`info: Made a new device key: ${path}`]);
});

const UNUSABLE = ["no key", RSA.export({ type: "pkcs1", format: "pem" }).toString().slice(0, 200), publicPem(EC)];
test.each(UNUSABLE)("a key that cannot be read is an error and stays unchanged", async (content) => {
  await writeFile(path, content);
  await expect(load()).rejects.toThrow(withCode("DEVICE_KEY"));
  expect(await readFile(path, "utf8")).toBe(content);
});

test.each([undefined, "wrong"])("an encrypted key without its passphrase is an error: %j", async (passphrase) => {
  await writeFile(path, RSA.export({ type: "pkcs8", format: "pem", ...CIPHER }));
  await expect(load(passphrase === undefined ? {} : { passphrase })).rejects.toThrow(withCode("DEVICE_KEY"));
});

test("a key of a kind that servers do not know is an error", async () => {
  const { privateKey } = generateKeyPairSync("x25519");
  await writeFile(path, privateKey.export({ type: "pkcs8", format: "pem" }));
  await expect(load()).rejects.toThrow(
    expect.objectContaining({ detail: expect.objectContaining({ type: "x25519" }) }),
  );
});

test("a key is replaced on demand only", async () => {
  const before = publicPem(await load());
  expect(publicPem(await load({ replace: true }))).not.toBe(before);
});

test("a key that the user provides is never created and never replaced", async () => {
  await expect(load({ isGiven: true })).rejects.toThrow(withCode("DEVICE_KEY"));
  expect(await readdir(folder)).toEqual([]);
  await writeFile(path, "");
  await expect(load({ isGiven: true })).rejects.toThrow(withCode("DEVICE_KEY"));
  await expect(load({ isGiven: true, replace: true })).rejects.toThrow(withCode("DEVICE_KEY"));
  expect(await readFile(path, "utf8")).toBe("");
});

test("a key that cannot be stored is an error, and is not used", async () => {
  path = "/proc/missing/mender-agent.pem";
  await expect(load()).rejects.toThrow(withCode("DEVICE_KEY_WRITE"));
});

const rsaOf = (modulusLength: number): string =>
  generateKeyPairSync("rsa", { modulusLength }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();

test("a key for which anybody can forge signatures is refused, by the agent and by the doctor", async () => {
  await writeFile(path, rsaOf(768));
  const refused = { code: "DEVICE_KEY", detail: { path }, cause: withCode("KEY_WEAK") };
  await expect(load({ isGiven: true })).rejects.toMatchObject(refused);
  await expect(examineDeviceKey({ path, isGiven: true }, true)).rejects.toMatchObject(refused);
});

test("a weak key is used, and the log and the doctor warn about it", async () => {
  await writeFile(path, rsaOf(1024));
  await load();
  const weakness = "RSA with 1024 bits is weak: use 2048 or more";
  expect(logged).toEqual([`warning: Device key ${path}: ${weakness}`]);
  expect(await examineDeviceKey({ path, isGiven: false }, true)).toMatchObject([
    { level: "note", subject: path, found: weakness },
  ]);
});
