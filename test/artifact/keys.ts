import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

export interface KeyFiles {
  readonly privatePath: string;
  readonly publicPath: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Key pair on disk in the form that the real tool reads: PKCS#1 for RSA, SEC1 for EC, PKCS#8 for the others. */
export function makeKeyFiles(dir: string, kind: "rsa" | "ec" | "ed25519", name: string = kind): KeyFiles {
  const { privateKey, publicKey } = makePair(kind);
  const type = kind === "rsa" ? "pkcs1" : kind === "ec" ? "sec1" : "pkcs8";
  const privatePath = join(dir, `${name}-private.pem`);
  const publicPath = join(dir, `${name}-public.pem`);
  writeFileSync(privatePath, privateKey.export({ type, format: "pem" }));
  writeFileSync(publicPath, publicKey.export({ type: "spki", format: "pem" }));
  return { privatePath, publicPath, privateKey, publicKey };
}

function makePair(kind: "rsa" | "ec" | "ed25519"): { privateKey: KeyObject; publicKey: KeyObject } {
  if (kind === "rsa") return generateKeyPairSync("rsa", { modulusLength: 2048 });
  return kind === "ec" ? generateKeyPairSync("ec", { namedCurve: "prime256v1" }) : generateKeyPairSync("ed25519");
}
