import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { expect, test } from "vitest";
import { formOf, rawEcdsa, signatureBytes } from "../../src/artifact/signature-form.ts";

const message = Buffer.from("manifest");
const p256 = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const der = (curve: string): Buffer =>
  sign("sha256", message, generateKeyPairSync("ec", { namedCurve: curve }).privateKey);

test("a DER signature becomes r‖s, also if an integer is short or has a leading zero", () => {
  const short = Buffer.from([0x30, 0x08, 0x02, 0x02, 0x00, 0x80, 0x02, 0x02, 0x01, 0x02]);
  const expected = Buffer.alloc(64);
  expected.writeUInt8(0x80, 31);
  expected.writeUInt16BE(0x0102, 62);
  expect(rawEcdsa(short)).toEqual(expected);
  for (let round = 0; round < 50; round++) {
    const { publicKey: key, privateKey } = p256;
    const signature = sign("sha256", randomBytes(8), privateKey);
    const raw = rawEcdsa(signature);
    expect(raw).toHaveLength(64);
    expect(formOf(signature)).toBe("der");
    expect(raw && formOf(raw)).toBe("raw");
    expect(rawEcdsa(raw ?? Buffer.alloc(0))).toEqual(raw);
    expect(key.asymmetricKeyType).toBe("ec");
  }
});

test("signatures of larger curves, and bytes that are no signature, are not recognised", () => {
  const whole = der("prime256v1");
  const lengthOfS = 4 + whole.readUInt8(3) + 1;
  for (const odd of [
    der("secp384r1"),
    der("secp521r1"),
    Buffer.alloc(0),
    createHash("sha256").digest(),
    whole.subarray(0, -1),
    Buffer.concat([whole, Buffer.alloc(1)]),
    Buffer.from(whole).fill(0x7f, lengthOfS, lengthOfS + 1),
    Buffer.from("error: no such key\n"),
    Buffer.alloc(127, 1),
    Buffer.alloc(257, 1),
    Buffer.from([0x30]),
    Buffer.from([0x30, 0x81]),
  ]) {
    expect(formOf(odd), odd.toString("hex")).toBeUndefined();
  }
  expect(rawEcdsa(der("secp384r1"))).toBeUndefined();
});

for (const [bytes, form] of [
  [64, "raw"],
  [128, "rsa"],
  [256, "rsa"],
  [512, "rsa"],
  [2048, "rsa"],
] as const)
  test(`${bytes} bytes are ${form}`, () => {
    expect(formOf(Buffer.alloc(bytes, 0xff))).toBe(form);
  });

test("base64 of either alphabet, with line ends and without padding, is decoded; binary stays", () => {
  const signature = Buffer.from([0xfb, 0xff, ...randomBytes(254)]);
  const text = signature.toString("base64");
  const lines = text.replace(/(.{64})/g, "$1\r\n");
  for (const printed of [text, `${text}\n`, lines, signature.toString("base64url"), text.replace(/=+$/, "")]) {
    expect(signatureBytes(Buffer.from(printed))).toEqual(signature);
  }
  expect(signatureBytes(signature)).toEqual(signature);
});
