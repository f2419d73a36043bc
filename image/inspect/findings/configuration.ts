import type { Facts, SystemFacts } from "../facts.ts";
import type { ImageFinding } from "../report.ts";
import { good, warning, wrong } from "./say.ts";

/** mender.conf: whether it can be read, and which servers and signatures the device trusts. */
export async function assessConfiguration(
  { configuration, tree }: SystemFacts,
  { systems }: Facts,
): Promise<readonly ImageFinding[]> {
  if (systems[0]?.agents.length === 0) return [];
  const { files, invalid, text, texts } = configuration;
  const subject = "configuration";
  if (files.length === 0) {
    return [wrong(subject, "mender.conf is missing", "Write /etc/mender/mender.conf: see docs/install.md.")];
  }
  const findings: ImageFinding[] = [];
  for (const file of invalid)
    findings.push(wrong(subject, `${file} is no JSON object`, "Correct it. The agent refuses to start with it."));
  if (invalid.length === 0) findings.push(good(subject, files.join(", ")));
  const server = text("ServerURL");
  if (server !== undefined) findings.push(good("server", server));
  const keys = [text("ArtifactVerifyKey") ?? [], ...texts("ArtifactVerifyKeys")].flat();
  if (keys.length === 0) {
    const advice = "Set ArtifactVerifyKey, so that the device refuses Artifacts that you have not signed.";
    findings.push(warning("verification key", "none: the device installs Artifacts of everybody", advice));
  }
  for (const key of keys) findings.push(await keyFinding(key, tree));
  const certificate = text("ServerCertificate");
  if (certificate !== undefined && (await tree.find(certificate)) === undefined) {
    findings.push(
      wrong("server certificate", `${certificate} is missing`, "Copy it into the image, or correct the path."),
    );
  }
  return findings;
}

async function keyFinding(key: string, tree: SystemFacts["tree"]): Promise<ImageFinding> {
  const subject = "verification key";
  const pem = await tree.text(key);
  if (pem === undefined) {
    const found = `${key} is missing, so the device refuses every Artifact`;
    return wrong(subject, found, "Copy the public key into the image, or correct ArtifactVerifyKey.");
  }
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    const advice = "Remove it and make a new pair: whoever has an image can sign Artifacts with it.";
    return wrong(subject, `${key} is a private key`, advice);
  }
  if (pem.includes("-----BEGIN PUBLIC KEY-----") || pem.includes("-----BEGIN RSA PUBLIC KEY-----"))
    return good(subject, key);
  return wrong(
    subject,
    `${key} holds no public key in PEM form`,
    "Write it with: openssl pkey -in private.pem -pubout",
  );
}
