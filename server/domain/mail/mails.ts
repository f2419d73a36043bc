import type { LinkPurpose } from "../authentication/password-links.ts";

/** What a mail with a link is about. */
export interface LinkMail {
  readonly purpose: LinkPurpose;
  readonly link: string;
  readonly expiresAt: Date;
  /** Who asked for it: the email address of whoever manages users. */
  readonly by: string | undefined;
  /** From where it was asked for, if nobody had to log in for that. */
  readonly address: string | undefined;
}

export interface MailText {
  readonly subject: string;
  /** Plain text, in lines of at most 78 characters, but for the link. */
  readonly text: string;
}

const MONTHS = "January February March April May June July August September October November December".split(" ");

/** `7 December 2026, 14:05 UTC`: the mail does not know where its reader lives. */
function dateText(date: Date): string {
  const time = date.toISOString().slice(11, 16);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}, ${time} UTC`;
}

/** The words of a mail with a link. */
export function linkMail({ purpose, link, expiresAt, by, address }: LinkMail): MailText {
  const { host } = new URL(link);
  const valid = `It works once, until ${dateText(expiresAt)}:`;
  if (purpose === "invitation")
    return textOf(`Your account on ${host}`, [
      `${by ?? "An administrator"} has made an account for you on ${host},\nwhich manages devices. Set your password with this link.\n${valid}`,
      link,
      "If you do not expect this mail, ignore it: nobody can use the account without\nthe link.",
    ]);
  const from = by === undefined ? `\nfrom the address ${address ?? "of an unknown program"}` : ` by\n${by}`;
  return textOf(`A new password for ${host}`, [
    `A new password for your account on ${host} was requested${from}.\nSet it with this link. ${valid}`,
    link,
    "If you do not want a new password, ignore this mail: the present one stays.\nThe link ends all your sessions and access tokens when you use it.",
  ]);
}

const textOf = (subject: string, paragraphs: readonly string[]): MailText => ({
  subject,
  text: `${["Hello,", ...paragraphs].join("\n\n")}\n`,
});
