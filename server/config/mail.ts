import { z } from "zod";
import type { MailServer } from "../adapters/mail/mailer.ts";

const EXPECTED = "expected smtp://USER:PASSWORD@HOST:PORT or smtps://HOST";
/** Ports of RFC 8314: submission, and submission inside of TLS. */
const PORTS: Readonly<Record<string, number>> = { "smtp:": 587, "smtps:": 465 };
const FROM = /^(?:(?<name>[^<>"\p{C}]{1,100}?)\s*<(?<inner>[^<>\s]+)>|(?<bare>[^<>\s]+))$/u;

interface SmtpUrl extends Pick<MailServer, "host" | "port" | "login"> {
  readonly isTls: boolean;
}

/** The settings of mail, as they are checked one by one. */
export const mailSchemas = {
  "smtp-url": z
    .string()
    .transform((text, context): SmtpUrl => {
      const url = URL.canParse(text) ? new URL(text) : undefined;
      const standard = PORTS[url?.protocol ?? ""];
      const hasMore = url !== undefined && (!/^\/?$/.test(url.pathname) || url.search !== "" || url.hash !== "");
      if (url === undefined || standard === undefined || url.hostname === "" || hasMore || !isDecodable(url)) {
        context.addIssue({ code: "custom", message: EXPECTED });
        return z.NEVER;
      }
      const user = decodeURIComponent(url.username);
      return {
        host: url.hostname.replace(/^\[|\]$/g, ""),
        port: url.port === "" ? standard : Number(url.port),
        login: user === "" ? undefined : { user, password: decodeURIComponent(url.password) },
        isTls: url.protocol === "smtps:",
      };
    })
    .optional(),
  "smtp-from": z
    .string()
    .transform((text, context): MailServer["from"] => {
      const { name = "", inner, bare = "" } = FROM.exec(text.trim())?.groups ?? {};
      const address = z
        .email()
        .max(254)
        .safeParse(inner ?? bare);
      if (address.success) return { name, address: address.data };
      context.addIssue({ code: "custom", message: "expected ADDRESS or NAME <ADDRESS>" });
      return z.NEVER;
    })
    .optional(),
  "smtp-tls": z.enum(["required", "off"], "expected required or off"),
};

type Parsed = z.output<z.ZodObject<typeof mailSchemas>>;

/** How mails are sent. Without an address of a mail server, none is. */
export type MailSettings = Omit<MailServer, "ca">;

export function mailOf(parsed: Parsed): MailSettings | undefined {
  const { "smtp-url": url, "smtp-from": from, "smtp-tls": tls } = parsed;
  if (url === undefined || from === undefined) return undefined;
  const { isTls, ...server } = url;
  return { ...server, from, security: isTls ? "tls" : tls === "off" ? "none" : "starttls" };
}

/** Whether mails have all that they need: a sender, and the address of this server for their links. */
export const isMailWhole = (parsed: Partial<Parsed> & { readonly url?: string | undefined }): boolean =>
  parsed["smtp-url"] === undefined || (parsed["smtp-from"] !== undefined && parsed.url !== undefined);

function isDecodable({ username, password }: URL): boolean {
  try {
    return !/\p{Cc}/u.test(decodeURIComponent(username) + decodeURIComponent(password));
  } catch {
    return false;
  }
}
