import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Authority, openAuthority } from "../../../server/adapters/tls/authority.ts";
import { serverNames } from "../../../server/adapters/tls/names.ts";

const NOW = new Date("2030-01-15T00:00:00Z");
const NAMES = ["ota.example.com", "localhost", "192.0.2.7", "2001:db8::1"];
const later = (days: number): Date => new Date(NOW.getTime() + days * 24 * 3600 * 1000);

let folder: string;
let authority: Authority;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "authority-"));
  authority = await openAuthority(folder, NOW);
});
afterAll(() => rm(folder, { recursive: true }));

test("the authority and its server have certificates that fit together, and keys that others cannot read", async () => {
  const { cert } = await authority.serverIdentity(NAMES, NOW);
  const [ca, server] = [new X509Certificate(authority.caCert), new X509Certificate(cert)];
  expect([ca.ca, server.ca]).toEqual([true, false]);
  expect([server.checkIssued(ca), server.verify(ca.publicKey), ca.verify(ca.publicKey)]).toEqual([true, true, true]);
  expect(server.subjectAltName).toContain("DNS:ota.example.com");
  expect([server.checkIP("192.0.2.7"), server.checkIP("2001:db8::1")]).toEqual(["192.0.2.7", "2001:db8::1"]);
  expect(server.checkHost("other.example.com")).toBeUndefined();
  expect(Date.parse(server.validTo)).toBe(later(395).getTime());
  expect(Date.parse(server.validFrom)).toBe(later(-2).getTime());
  for (const name of await readdir(folder))
    expect([name, (await stat(join(folder, name))).mode & 0o777]).toEqual([name, 0o600]);
});

test("a restart uses both again; an expiry that is near, or another name, makes a new certificate", async () => {
  const { cert } = await authority.serverIdentity(NAMES, NOW);
  const again = await openAuthority(folder, later(1));
  expect(again.caCert).toBe(authority.caCert);
  expect((await again.serverIdentity(NAMES.slice(1), later(300))).cert).toBe(cert);
  const renewed = await again.serverIdentity(NAMES, later(350));
  expect(Date.parse(new X509Certificate(renewed.cert).validTo)).toBe(later(350 + 395).getTime());
  const renamed = await again.serverIdentity([...NAMES, "b.example.com"], later(350));
  expect(new X509Certificate(renamed.cert).checkHost("b.example.com")).toBe("b.example.com");
});

test("a file that is not a key and a certificate is refused, and kept", async () => {
  await writeFile(join(folder, "server.pem"), "something else");
  await expect(authority.serverIdentity(NAMES, NOW)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
});

test("the names are the host of the public URL, and this machine's own", () => {
  const names = serverNames("https://[2001:db8::5]:8443/x");
  expect(names[0]).toBe("2001:db8::5");
  expect(names).toEqual(expect.arrayContaining(["localhost", "127.0.0.1"]));
  expect(names.filter((name) => name.startsWith("fe80"))).toEqual([]);
});
