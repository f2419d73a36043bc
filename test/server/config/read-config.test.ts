import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../../../server/config/read-config.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "config-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function fileWith(text: string): Promise<string> {
  const file = join(folder, "server.yaml");
  await writeFile(file, text);
  return file;
}

test("a flag wins over the environment, which wins over the file, which wins over the default", async () => {
  const file = await fileWith("data: /a\nlisten: 127.0.0.1:1\nrole: worker\nurl: https://a.example/\n");
  const flags = { data: "/c" };
  const environment = {
    SWITCHBACK_DATA: "/b",
    SWITCHBACK_ROLE: "api",
    SWITCHBACK_DATABASE: "postgresql://me:secret@db/x",
  };
  const { config, printed } = await readConfig({ flags, environment, file });
  expect(config).toEqual({
    data: "/c",
    listen: { host: "127.0.0.1", port: 1 },
    localListen: { host: "127.0.0.1", port: 8080 },
    metricsListen: undefined,
    drainDelayS: 0,
    url: "https://a.example",
    tls: { kind: "auto" },
    trustProxy: [],
    webhookAllow: [],
    mail: undefined,
    syslog: undefined,
    trustCa: undefined,
    database: "postgresql://me:secret@db/x",
    connections: 10,
    storage: { kind: "folder", folder: "/c/objects" },
    role: "api",
    logLevel: "info",
    admin: "admin@localhost",
    adminPasswordFile: undefined,
  });
  const said = printed.map((line) => line.replace(/ {2,}/, "  "));
  expect(said.slice(0, 4)).toEqual([
    "data: /c  # --data",
    `listen: 127.0.0.1:1  # ${file}:2`,
    "local-listen: 127.0.0.1:8080  # default",
    "drain-delay: 0  # default",
  ]);
  expect(said).toContain('database: "postgresql://me:***@db/x"  # SWITCHBACK_DATABASE');
  expect(printed.join("\n")).not.toContain("secret");
  const again = await readConfig({ flags: {}, environment: {}, file: await fileWith(printed.join("\n")) });
  expect({ ...again.config, database: "" }).toEqual({ ...config, database: "" });
});

for (const [title, flags, expected] of [
  ["all addresses", { listen: ":8443" }, { listen: { port: 8443 } }],
  ["two proxies", { "trust-proxy": "10.0.0.7, fd00::/8" }, { trustProxy: ["10.0.0.7", "fd00::/8"] }],
  ["an address of IPv6", { listen: "[::1]:9" }, { listen: { host: "::1", port: 9 } }],
  [
    "a database behind a socket",
    { database: "postgresql://me@/x?host=/run/postgresql" },
    { database: "postgresql://me@/x?host=/run/postgresql" },
  ],
  [
    "a bucket",
    { storage: "s3://ota/fleet", "storage-endpoint": "https://s3.example", "storage-links": "presigned" },
    {
      storage: { kind: "s3", bucket: "ota", prefix: "fleet/", endpoint: "https://s3.example", presigned: true },
    },
  ],
  [
    "a bucket with keys of its own",
    { storage: "s3://ota", "storage-access-key": "id", "storage-secret-key": "secret" },
    { storage: { bucket: "ota", prefix: "", presigned: false, keys: { id: "id", secret: "secret" } } },
  ],
  ["no local address", { "local-listen": "off" }, { localListen: undefined }],
  ["a balancer that looks every few seconds", { "drain-delay": "15" }, { drainDelayS: 15 }],
  ["an address for a monitoring system", { "metrics-listen": ":9090" }, { metricsListen: { port: 9090 } }],
  ["files of a certificate", { tls: "/a.crt,/a.key" }, { tls: { kind: "files", cert: "/a.crt", key: "/a.key" } }],
  ["a collector", { syslog: "tls://log.example" }, { syslog: { host: "log.example", port: 6514, isTls: true } }],
  ["a collector by IPv6", { syslog: "tcp://[::1]:99" }, { syslog: { host: "::1", port: 99, isTls: false } }],
  [
    "a mail server with a login",
    { "smtp-url": "smtp://a%40b:p%3Aw@mail.example", "smtp-from": "Fleet <fleet@a.example>", url: "https://a.example" },
    {
      mail: {
        ...{ host: "mail.example", port: 587, security: "starttls", login: { user: "a@b", password: "p:w" } },
        from: { name: "Fleet", address: "fleet@a.example" },
      },
    },
  ],
  [
    "a mail server on this machine",
    { "smtp-url": "smtp://[::1]:25", "smtp-from": "fleet@a.example", "smtp-tls": "off", url: "https://a.example" },
    { mail: { host: "::1", port: 25, security: "none", login: undefined, from: { name: "" } } },
  ],
  [
    "a mail server inside of TLS",
    { "smtp-url": "smtps://mail.example", "smtp-from": "fleet@a.example", url: "https://a.example" },
    { mail: { port: 465, security: "tls" } },
  ],
] as const)
  test(`flags can give ${title}`, async () => {
    expect((await readConfig({ flags, environment: {}, file: undefined })).config).toMatchObject(expected);
  });

for (const [text, detail] of [
  ["role: all\nlisten: [1]\n", { line: 2, key: "listen", reason: "expected a text" }],
  ["role: all\n\nlissten: :1\n", { line: 3, key: "lissten", reason: "unknown key" }],
  ["role: all\n  tls: off\n: {", { line: 2 }],
  ["- data\n", { line: 1, reason: "expected lines of KEY: VALUE" }],
] as const)
  test(`a configuration file is refused with its line: ${JSON.stringify(text)}`, async () => {
    const file = await fileWith(text);
    await expect(readConfig({ flags: {}, environment: {}, file })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      detail: { file, ...detail },
    });
  });

for (const [key, value, reason] of [
  ["listen", "nowhere", "expected HOST:PORT"],
  ["listen", ":70000", "expected a port up to 65535"],
  ["local-listen", "0.0.0.0:8080", "expected an address of the loopback interface, such as 127.0.0.1:8080, or off"],
  ["drain-delay", "601", "expected seconds from 0 to 600"],
  ["url", "ftp://a", "expected https://HOST"],
  ["tls", "cert.pem", "expected auto, off, or CERT,KEY"],
  ["database", "mysql://a/b", "expected postgresql://USER@HOST/DATABASE"],
  ["database", "postgresql://me@db", "expected postgresql://USER@HOST/DATABASE"],
  ["database-connections", "0", "expected a number from 1 to 9999"],
  ["storage", "s3://", "expected a folder, or s3://BUCKET or s3://BUCKET/PREFIX"],
  ["storage", "https://bucket.example", "expected a folder, or s3://BUCKET or s3://BUCKET/PREFIX"],
  ["storage-links", "direct", "expected proxied or presigned"],
  ["storage-endpoint", "s3.example", "expected https://HOST"],
  ["storage-path-style", "maybe", "expected yes or no"],
  ["syslog", "udp://log.example", "expected tls://HOST:PORT or tcp://HOST:PORT"],
  ["syslog", "log.example:514", "expected tls://HOST:PORT or tcp://HOST:PORT"],
  ["syslog", "tcp://log.example:0", "expected tls://HOST:PORT or tcp://HOST:PORT"],
  ["smtp-url", "mail.example", "expected smtp://USER:PASSWORD@HOST:PORT or smtps://HOST"],
  ["smtp-url", "smtp://a%0d@mail.example", "expected smtp://USER:PASSWORD@HOST:PORT or smtps://HOST"],
  ["smtp-url", "smtp://mail.example/path", "expected smtp://USER:PASSWORD@HOST:PORT or smtps://HOST"],
  ["smtp-url", "smtp://mail.example", "expected smtp-from and url as well: mails have links"],
  ["smtp-from", "Fleet", "expected ADDRESS or NAME <ADDRESS>"],
  ["smtp-from", "x\r\nBcc: evil@a.example <fleet@a.example>", "expected ADDRESS or NAME <ADDRESS>"],
  ["smtp-tls", "on", "expected required or off"],
  ["role", "both", "expected all, api or worker"],
  ["admin", "root", "expected an email address"],
] as const)
  test(`--${key} ${value} is refused`, async () => {
    const refused = readConfig({ flags: { [key]: value }, environment: {}, file: undefined });
    await expect(refused).rejects.toMatchObject({ detail: { key, value, from: `--${key}`, reason } });
  });

test("the password of the mail server is not shown", async () => {
  const environment = { SWITCHBACK_SMTP_URL: "smtp://me:hush@mail.example", SWITCHBACK_SMTP_FROM: "a@b.example" };
  const { printed } = await readConfig({ flags: { url: "https://a.example" }, environment, file: undefined });
  expect(printed.join("\n")).toContain('smtp-url: "smtp://me:***@mail.example"');
  expect(printed.join("\n")).not.toContain("hush");
});

test("half a pair of keys is refused, and a secret is never shown", async () => {
  const environment = { SWITCHBACK_STORAGE_SECRET_KEY: "hush" };
  await expect(readConfig({ flags: {}, environment, file: undefined })).rejects.toMatchObject({
    detail: {
      key: "storage-secret-key",
      value: "***",
      reason: "expected both an access key and its secret, or neither",
    },
  });
  const flags = { "storage-access-key": "id" };
  const { printed } = await readConfig({ flags, environment, file: undefined });
  expect(printed.join("\n")).not.toContain("hush");
});

test("a value of the file that is not valid is named with its line", async () => {
  const file = await fileWith("\nrole: both\n");
  await expect(readConfig({ flags: {}, environment: {}, file })).rejects.toMatchObject({
    detail: { key: "role", value: "both", from: `${file}:2` },
  });
});
