import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { selfSigned } from "../self-signed.ts";

interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came: headers, an empty line, the text. */
  readonly raw: string;
  /** The text, decoded. */
  readonly text: string;
  readonly isEncrypted: boolean;
  readonly user: string | undefined;
}

export interface MailServer {
  readonly port: number;
  /** The certificate, which clients must trust, and its key. */
  readonly identity: { readonly key: string; readonly cert: string };
  readonly mails: ReceivedMail[];
  /** Refuses a mail with this status. */
  refuse: number | undefined;
  /** Waits before it accepts a mail. */
  hold: Promise<unknown> | undefined;
  close(): Promise<void>;
}

export const MAIL_LOGIN = { user: "switchback", password: "p@ss:word" };

/** A mail server on this machine. With `needsLogin`, it takes mails of `MAIL_LOGIN` only. */
export async function startMailServer({
  port = 0,
  needsLogin = false,
  identity = selfSigned(),
  ...options
}: SMTPServerOptions &
  Partial<Pick<MailServer, "port" | "identity">> & { readonly needsLogin?: boolean } = {}): Promise<MailServer> {
  const server = new SMTPServer({
    ...{ ...identity, authOptional: !needsLogin, disableReverseLookup: true },
    onAuth({ username, password }, _session, done) {
      if (username === MAIL_LOGIN.user && password === MAIL_LOGIN.password) done(null, { user: username });
      else done(new Error("wrong"));
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", async () => {
        await mailServer.hold;
        const { refuse } = mailServer;
        if (refuse !== undefined) {
          done(Object.assign(new Error("refused"), { responseCode: refuse }));
          return;
        }
        const raw = Buffer.concat(chunks).toString();
        const { mailFrom, rcptTo } = session.envelope;
        mailServer.mails.push({
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          ...{ raw, text: textOf(raw), isEncrypted: session.secure, user: session.user?.toString() },
        });
        done();
      });
    },
    ...options,
  });
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const mailServer: MailServer = {
    port: (server.server.address() as AddressInfo).port,
    identity,
    mails: [],
    refuse: undefined,
    hold: undefined,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return mailServer;
}

function textOf(raw: string): string {
  const at = raw.indexOf("\r\n\r\n");
  const body = raw.slice(at + 4).replaceAll("\r\n", "\n");
  if (!/^content-transfer-encoding: quoted-printable/im.test(raw.slice(0, at))) return body;
  const bytes = body
    .replaceAll("=\n", "")
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString();
}

/** The link in a mail. */
export const linkIn = (text: string): string => /^https?:\S+\/set-password#\S+$/m.exec(text)?.[0] ?? "no link";
