import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, expect, test } from "vitest";
import { createMailer, type MailServer as MailSettings } from "../../server/adapters/mail/mailer.ts";
import { claimMails, queueMail } from "../../server/adapters/postgres/mail-queue.ts";
import { trustedCas } from "../../server/adapters/tls/trusted-cas.ts";
import { composeServer } from "../../server/compose.ts";
import { linkIn, MAIL_LOGIN, type MailServer, startMailServer } from "../support/server/mail-server.ts";
import { query } from "../support/server/seed.ts";
import { logIn, startTestServer, type TestServer } from "../support/server/test-server.ts";

const USERADM = "/api/management/v1/useradm";
const PASSWORD = "a long enough one";
const PUBLIC_URL = "https://ota.example.com";
const FROM = { name: "Fleet, of the (tests)", address: "fleet@example.com" };
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function mailServer(...options: Parameters<typeof startMailServer>): Promise<MailServer> {
  const mails = await startMailServer(...options);
  ends.push(() => mails.close());
  return mails;
}

const settingsFor = ({ port, identity }: MailServer): MailSettings => ({
  ...{ host: "127.0.0.1", port, security: "starttls", login: undefined, from: FROM, ca: [identity.cert] },
});

async function serverWith(mail: MailSettings): Promise<TestServer> {
  const server = await startTestServer({ publicUrl: PUBLIC_URL, mail });
  ends.push(() => server.close());
  return server;
}

const invite = (server: TestServer, email: string) =>
  server.request("POST", `${USERADM}/users`, { email, send_reset_password: true });

const start = (server: TestServer, email: string, headers: Record<string, string> = {}) =>
  server.request("POST", `${USERADM}/auth/password-reset/start`, { email }, headers);

async function complete(server: TestServer, link: string): Promise<number> {
  const body = { secret_hash: link.split("#")[1], password: PASSWORD };
  return (await server.request("POST", `${USERADM}/auth/password-reset/complete`, body)).status;
}

const jobs = (server: TestServer) =>
  query<{ attempts: number; error: string | null; failed: boolean }>(
    ...([server, "SELECT attempts, error, failed_at IS NOT NULL AS failed FROM jobs ORDER BY id"] as const),
  );

/** As if all waits were over. */
const hurry = (server: TestServer) => query(server, "UPDATE jobs SET run_at = now()");

test("an invitation and a link to a new password come by mail, encrypted, and nobody else sees them", async () => {
  const mails = await mailServer();
  const server = await serverWith(settingsFor(mails));
  const answer = await invite(server, "Invited@Example.com");
  expect(await answer.json(), "the administrator does not see the link").toEqual({ mailed: true });
  await expect.poll(() => mails.mails.length).toBe(1);
  const [mail] = mails.mails;
  expect(mail).toMatchObject({ from: "fleet@example.com", to: ["invited@example.com"], isEncrypted: true });
  expect(mail?.raw).toMatch(/^From: "Fleet, of the \(tests\)" <fleet@example\.com>\r$/m);
  expect(mail?.raw).toMatch(/^Subject: Your account on ota\.example\.com\r$/m);
  expect(mail?.raw).toMatch(/^Auto-Submitted: auto-generated\r$/m);
  expect(mail?.raw).toMatch(/^Content-Type: text\/plain; charset=utf-8\r$/m);
  expect(mail?.text).toContain("admin@example.com has made an account for you on ota.example.com,");
  expect(mail?.text).toMatch(/It works once, until \d{1,2} [A-Z][a-z]+ \d{4}, \d\d:\d\d UTC:\n\nhttps:/);
  expect(linkIn(mail?.text ?? "")).toMatch(/^https:\/\/ota\.example\.com\/set-password#[\w-]{64}$/);
  expect(await complete(server, linkIn(mail?.text ?? ""))).toBe(202);
  await logIn(server.url, "invited@example.com", PASSWORD);

  // A client that calls the server by another name gets nothing of it into the mail.
  const forged = { host: "evil.example.net", "x-forwarded-host": "evil.example.net" };
  expect((await start(server, "INVITED@example.com", forged)).status).toBe(202);
  await expect.poll(() => mails.mails.length).toBe(2);
  const reset = mails.mails[1];
  expect(reset?.raw).not.toContain("evil");
  expect(reset?.text).toContain("was requested\nfrom the address 127.0.0.1.");
  expect(reset?.to).toEqual(["invited@example.com"]);
  expect(await complete(server, linkIn(reset?.text ?? ""))).toBe(202);
  expect(await jobs(server)).toEqual([]);
  const [record] = await query<{ actor: object; action: string; origin: object }>(
    ...([server, "SELECT actor, action, origin FROM audit WHERE action LIKE 'request%'"] as const),
  );
  expect(record).toEqual({
    actor: { type: "anonymous", id: "anonymous" },
    action: "request_password_reset",
    origin: { address: "127.0.0.1" },
  });
});

test("an address without an account gets no mail, and leaves nothing behind", async () => {
  const mails = await mailServer();
  const server = await serverWith(settingsFor(mails));
  expect((await start(server, "nobody@example.com")).status).toBe(202);
  await expect.poll(() => jobs(server)).toEqual([]);
  expect((await start(server, "admin@example.com")).status).toBe(202);
  await expect.poll(() => mails.mails.length).toBe(1);
  expect(mails.mails[0]?.to).toEqual(["admin@example.com"]);
  expect(await query(server, "SELECT 1 FROM audit WHERE object ->> 'email' = 'nobody@example.com'")).toEqual([]);
});

test("a mail waits while the mail server is away, and goes out once when it is back", async () => {
  const first = await startMailServer();
  const server = await serverWith(settingsFor(first));
  await first.close();
  await invite(server, "patient@example.com");
  await expect.poll(async () => (await jobs(server))[0]?.error).toMatch(/ECONNREFUSED/);
  expect(await query(server, "SELECT 1 FROM password_links"), "of the attempt that failed").toEqual([]);
  const back = await mailServer(first);
  await hurry(server);
  await expect.poll(() => back.mails.length).toBe(1);
  expect(await complete(server, linkIn(back.mails[0]?.text ?? ""))).toBe(202);
});

/** A second process, which sends mails. */
async function secondProcess(server: TestServer, mails: MailServer): Promise<void> {
  const second = await composeServer({
    ...{ databaseUrl: server.databaseUrl, storage: { kind: "folder", folder: server.storage } },
    ...{ log: pino({ level: "silent" }), publicUrl: PUBLIC_URL, mail: settingsFor(mails) },
  });
  ends.push(() => second.close());
}

test("a mail that a process has taken and not sent goes out by another one", async () => {
  const mails = await mailServer();
  const idle = await startTestServer({ publicUrl: PUBLIC_URL });
  ends.push(() => idle.close());
  const { postgres } = idle.server.services;
  const [admin] = await query<{ id: string }>(idle, "SELECT id FROM users");
  const order = { purpose: "reset", user: admin?.id ?? "", by: "boss@example.com" } as const;
  await postgres.inTenant(idle.tenant.id, (session) => queueMail(session, idle.tenant.id, order));
  // It crashes here.
  expect(await claimMails(postgres, 5)).toMatchObject([{ purpose: "reset", attempts: 1 }]);
  expect(await claimMails(postgres, 5), "no other one takes it meanwhile").toEqual([]);
  await hurry(idle);
  await secondProcess(idle, mails);
  await expect.poll(() => mails.mails.length).toBe(1);
  expect(mails.mails[0]?.text).toContain("was requested by\nboss@example.com.");
  await expect.poll(() => jobs(idle)).toEqual([]);
});

test("a refusal for now is tried again, and one for good is not", async () => {
  const mails = await mailServer();
  const server = await serverWith(settingsFor(mails));
  mails.refuse = 451;
  await invite(server, "slow@example.com");
  await expect.poll(async () => (await jobs(server))[0]?.error).toMatch(/451/);
  expect((await jobs(server))[0]).toMatchObject({ attempts: 1, failed: false });
  mails.refuse = 550;
  await hurry(server);
  await expect.poll(async () => (await jobs(server))[0]).toMatchObject({ attempts: 2, failed: true });
  mails.refuse = undefined;
  await hurry(server);
  await invite(server, "next@example.com");
  await expect.poll(() => mails.mails.length).toBe(1);
  expect(mails.mails[0]?.to, "only the later one").toEqual(["next@example.com"]);
});

test("a mail that could not be sent while its link would have been valid is given up", async () => {
  const mails = await mailServer();
  mails.refuse = 451;
  const server = await serverWith(settingsFor(mails));
  await start(server, "admin@example.com");
  await expect.poll(async () => (await jobs(server))[0]?.error).toMatch(/451/);
  await query(server, "UPDATE jobs SET created_at = now() - interval '61 minutes', run_at = now()");
  await expect.poll(async () => (await jobs(server))[0]).toMatchObject({ attempts: 2, failed: true });
});

test("a login is used, TLS is required unless it is switched off, and a certificate of a stranger is refused", async () => {
  const mails = await mailServer({ needsLogin: true });
  const mail = { id: "1", to: "to@example.com", subject: "s", text: "t\n" };
  const send = (change: Partial<MailSettings>) => createMailer({ ...settingsFor(mails), ...change }).send(mail);
  expect(await send({ login: MAIL_LOGIN })).toEqual({ is: "sent" });
  expect(mails.mails[0]).toMatchObject({ user: MAIL_LOGIN.user, isEncrypted: true });
  expect(await send({ login: { ...MAIL_LOGIN, password: "wrong" } })).toMatchObject({ is: "failed", isFinal: false });
  expect(await send({}), "without the login").toMatchObject({ is: "failed" });
  expect(await send({ login: MAIL_LOGIN, ca: undefined })).toMatchObject({
    error: expect.stringMatching(/self.signed/),
  });
  const plain = await mailServer({ disabledCommands: ["STARTTLS", "AUTH"] });
  const refused = await createMailer(settingsFor(plain)).send(mail);
  expect(refused).toMatchObject({ is: "failed", isFinal: false });
  expect(plain.mails).toEqual([]);
  expect(await createMailer({ ...settingsFor(plain), security: "none" }).send(mail)).toEqual({ is: "sent" });
  expect(plain.mails[0]?.isEncrypted).toBe(false);
  const inside = await mailServer({ secure: true });
  expect(await createMailer({ ...settingsFor(inside), security: "tls" }).send(mail)).toEqual({ is: "sent" });
  expect(inside.mails[0]?.isEncrypted).toBe(true);
});

const INJECTED = ["a@example.com\r\nBcc: evil@example.net", "a@example.com, evil@example.net", "<evil@example.net>"];

test("no header and no receiver gets into a mail by an address, a name or a subject", async () => {
  const mails = await mailServer();
  const server = await serverWith(settingsFor(mails));
  for (const email of [...INJECTED, "a\u0000@example.com", '"a\nb"@example.com']) {
    expect((await invite(server, email)).status, email).toBe(400);
    expect((await start(server, email)).status, email).toBe(400);
  }
  expect(await jobs(server)).toEqual([]);
  // Whatever comes past the checks above, the mailer sends one mail to one receiver with the headers that it knows.
  for (const to of INJECTED) {
    const from = { name: "x\r\nBcc: evil@example.net", address: "fleet@example.com" };
    const mailer = createMailer({ ...settingsFor(mails), from });
    await mailer.send({ id: "1\r\nX-Evil: 1", to, subject: "s\r\nBcc: evil@example.net\r\n\r\nbody", text: "t\n" });
  }
  for (const { raw, to } of mails.mails) {
    const head = raw.slice(0, raw.indexOf("\r\n\r\n"));
    expect(head).not.toMatch(/^(?:bcc|cc|x-evil):/im);
    expect(to).toHaveLength(1);
  }
});

test("a file of authorities is read at the start, and one that has none is refused", async () => {
  const folder = await mkdtemp(join(tmpdir(), "switchback-ca-"));
  ends.push(() => rm(folder, { recursive: true }));
  const mails = await mailServer();
  const file = join(folder, "ca.pem");
  await writeFile(file, `our authority\n${mails.identity.cert}`);
  const ca = (await trustedCas(file)) ?? [];
  expect(ca.length, "besides the usual ones").toBeGreaterThan(100);
  const mail = { id: "1", to: "to@example.com", subject: "s", text: "t\n" };
  expect(await createMailer({ ...settingsFor(mails), ca }).send(mail)).toEqual({ is: "sent" });
  for (const text of ["nothing", mails.identity.cert.replace(/M/g, "N")]) {
    await writeFile(file, text);
    await expect(trustedCas(file)).rejects.toMatchObject({ code: "CONFIG_INVALID", detail: { key: "trust-ca", file } });
  }
  await expect(trustedCas(join(folder, "none"))).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  expect(await trustedCas(undefined)).toBeUndefined();
});
