import { generateKeyPair, randomBytes, X509Certificate } from "node:crypto";
import { chmod, mkdir, open, readFile, rename } from "node:fs/promises";
import { isIP } from "node:net";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import forge from "node-forge";
import { ServerError } from "../../errors/server-error.ts";

/** A key and its certificate, in PEM. */
export interface Identity {
  readonly key: string;
  readonly cert: string;
}

export interface Authority {
  /** Certificate that boards bake into their images, in PEM. */
  readonly caCert: string;
  /**
   * A certificate for these names and addresses. The one of the last time is used again if it fits and does not expire
   * soon.
   */
  serverIdentity(names: readonly string[], now: Date): Promise<Identity>;
}

const DAY_MS = 24 * 3600 * 1000;
/** Boards keep the certificate of the authority for their lifetime. */
const CA_DAYS = 30 * 365;
/** Browsers refuse certificates for more than 398 days. */
const SERVER_DAYS = 397;
const RENEW_DAYS = 60;
/** Clocks of boards that are behind must not refuse a new certificate. */
const BACKDATED_DAYS = 2;

/** Holds the key of the authority and its certificate. */
export const AUTHORITY_FILE = "authority.pem";
const SERVER_FILE = "server.pem";

/**
 * The certificate authority of this installation, made at the first start. A file holds a key together with its
 * certificate, so a power cut leaves both or none.
 *
 * @throws {ServerError} CONFIG_INVALID if a file cannot be read
 */
export async function openAuthority(folder: string, now: Date): Promise<Authority> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const ca = (await readIdentity(join(folder, AUTHORITY_FILE))) ?? (await makeAuthority(folder, now));
  return {
    caCert: ca.cert,
    async serverIdentity(names, at) {
      const path = join(folder, SERVER_FILE);
      const old = await readIdentity(path);
      if (old !== undefined && fits(old.cert, names, ca.cert, at)) return old;
      const made = await makeServer(ca, names, at);
      await writeIdentity(path, made);
      return made;
    },
  };
}

async function makeAuthority(folder: string, now: Date): Promise<Identity> {
  const subject = [
    { name: "commonName", value: `Switchback ${randomBytes(4).toString("hex")}` },
    { name: "organizationName", value: "Switchback" },
  ];
  const keys = await newKey();
  const made = issue({
    ...{ keys, subject, issuer: subject, signer: keys.privateKey, days: CA_DAYS, now },
    extensions: [
      { name: "basicConstraints", cA: true, pathLenConstraint: 0, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
      { name: "subjectKeyIdentifier" },
    ],
  });
  await writeIdentity(join(folder, AUTHORITY_FILE), made);
  return made;
}

async function makeServer(ca: Identity, names: readonly string[], now: Date): Promise<Identity> {
  const authority = forge.pki.certificateFromPem(ca.cert);
  return issue({
    ...{ keys: await newKey(), days: SERVER_DAYS, now },
    subject: [{ name: "commonName", value: (names[0] ?? "localhost").slice(0, 64) }],
    issuer: authority.subject.attributes,
    signer: forge.pki.privateKeyFromPem(ca.key),
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: names.map((name) => (isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name })),
      },
      { name: "subjectKeyIdentifier" },
      {
        name: "authorityKeyIdentifier",
        keyIdentifier: authority.generateSubjectKeyIdentifier().getBytes(),
      },
    ],
  });
}

interface Keys {
  readonly privateKey: forge.pki.rsa.PrivateKey;
  readonly publicKey: forge.pki.rsa.PublicKey;
}

async function newKey(): Promise<Keys> {
  const made = await promisify(generateKeyPair)("rsa", {
    modulusLength: 3072,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  return {
    privateKey: forge.pki.privateKeyFromPem(made.privateKey),
    publicKey: forge.pki.publicKeyFromPem(made.publicKey),
  };
}

interface Issue {
  readonly keys: Keys;
  readonly subject: forge.pki.CertificateField[];
  readonly issuer: forge.pki.CertificateField[];
  readonly signer: forge.pki.rsa.PrivateKey;
  readonly days: number;
  readonly now: Date;
  readonly extensions: object[];
}

function issue({ keys, subject, issuer, signer, days, now, extensions }: Issue): Identity {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = keys.publicKey;
  // Positive, and unique without a register.
  certificate.serialNumber = `4${randomBytes(15).toString("hex").slice(1)}`;
  certificate.validity.notBefore = new Date(now.getTime() - BACKDATED_DAYS * DAY_MS);
  certificate.validity.notAfter = new Date(now.getTime() + (days - BACKDATED_DAYS) * DAY_MS);
  certificate.setSubject(subject);
  certificate.setIssuer(issuer);
  certificate.setExtensions(extensions);
  certificate.sign(signer, forge.md.sha256.create());
  return { key: forge.pki.privateKeyToPem(keys.privateKey), cert: forge.pki.certificateToPem(certificate) };
}

/** Whether a certificate names all of these, comes from this authority and lasts for a while. */
function fits(cert: string, names: readonly string[], caCert: string, now: Date): boolean {
  const certificate = new X509Certificate(cert);
  const authority = new X509Certificate(caCert);
  return (
    Date.parse(certificate.validTo) - now.getTime() >= RENEW_DAYS * DAY_MS &&
    certificate.checkIssued(authority) &&
    certificate.verify(authority.publicKey) &&
    names.every((name) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined)
  );
}

async function readIdentity(path: string): Promise<Identity | undefined> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw new ServerError("CONFIG_INVALID", { file: path, reason: cause.message }, { cause });
  });
  if (text === undefined) return undefined;
  const [key, cert] = text.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----\r?\n?/g) ?? [];
  if (key === undefined || cert === undefined)
    throw new ServerError("CONFIG_INVALID", { file: path, reason: "expected a key and a certificate in PEM" });
  return { key, cert };
}

/** Readers find the old file or the new one, also after a power cut. */
async function writeIdentity(path: string, { key, cert }: Identity): Promise<void> {
  const temporary = `${path}.${process.pid}.new`;
  const file = await open(temporary, "w", 0o600);
  await file.chmod(0o600);
  await file.writeFile(key + cert);
  await file.sync();
  await file.close();
  await rename(temporary, path);
  const folder = await open(dirname(path), "r");
  await folder.sync();
  await folder.close();
  await chmod(path, 0o600);
}
