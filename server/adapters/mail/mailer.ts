import { createTransport } from "nodemailer";
import type { MailText } from "../../domain/mail/mails.ts";

/** How to reach a mail server. */
export interface MailServer {
  readonly host: string;
  readonly port: number;
  /** `tls`: from the first byte on. `starttls`: the server must offer it. `none`: everything can be read on the way. */
  readonly security: "tls" | "starttls" | "none";
  readonly login: { readonly user: string; readonly password: string } | undefined;
  readonly from: { readonly name: string; readonly address: string };
  /** PEM of authorities that are trusted besides the usual ones. */
  readonly ca: readonly string[] | undefined;
}

export interface Mail extends MailText {
  /** The same if the mail is sent twice. */
  readonly id: string;
  readonly to: string;
}

/** How a mail went. */
export type Sent =
  | { readonly is: "sent" }
  /** `isFinal`: the server refuses this mail, and would refuse it again. */
  | { readonly is: "failed"; readonly error: string; readonly isFinal: boolean };

export interface Mailer {
  /** Hands a mail to the mail server. It resolves also if that fails. */
  send(mail: Mail): Promise<Sent>;
}

/** A mail server that takes longer for one step has failed. */
const STEP_MS = 15_000;

export function createMailer({ host, port, security, login, from, ca }: MailServer): Mailer {
  const transport = createTransport({
    ...{ host, port, secure: security === "tls", requireTLS: security === "starttls", ignoreTLS: security === "none" },
    ...(login !== undefined && { auth: { user: login.user, pass: login.password } }),
    tls: { minVersion: "TLSv1.2", ...(ca !== undefined && { ca: [...ca] }) },
    ...{ connectionTimeout: STEP_MS, greetingTimeout: STEP_MS, socketTimeout: STEP_MS, dnsTimeout: STEP_MS },
    ...{ disableFileAccess: true, disableUrlAccess: true },
  });
  const domain = from.address.slice(from.address.lastIndexOf("@") + 1);
  return {
    async send({ id, to, subject, text }) {
      try {
        await transport.sendMail({
          from: { ...from },
          // As an object, it is one address, whatever characters it has.
          to: { name: "", address: to },
          ...{ subject, text, messageId: `<${id}@${domain}>` },
          // Automatic answers, such as those of people on holiday, are not wanted.
          headers: { "auto-submitted": "auto-generated" },
        });
        return { is: "sent" };
      } catch (error) {
        return { is: "failed", ...reasonOf(error) };
      }
    },
  };
}

/** Refusals of the envelope or of the mail itself. Wrong passwords and the like are mended by a configuration. */
const ABOUT_THE_MAIL: ReadonlySet<unknown> = new Set(["EENVELOPE", "EMESSAGE"]);

function reasonOf(error: unknown): { readonly error: string; readonly isFinal: boolean } {
  const { code, responseCode, message } = error as { code?: unknown; responseCode?: unknown; message?: unknown };
  const isFinal = ABOUT_THE_MAIL.has(code) && typeof responseCode === "number" && responseCode >= 500;
  return { error: String(message ?? error), isFinal };
}
