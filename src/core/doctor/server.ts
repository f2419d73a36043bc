import type { ServerFacts } from "../../ports/board-facts.ts";
import type { Finding } from "../../ports/finding.ts";
import { day } from "./words.ts";

const SOON_MS = 30 * 24 * 60 * 60 * 1000;

/** What to do, by the error code of the TLS handshake. */
const ADVICE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "Renew the server's certificate. If it is still valid, set the device's clock.",
  CERT_NOT_YET_VALID: "Set the device's clock: the certificate is not valid yet.",
  ERR_TLS_CERT_ALTNAME_INVALID: "Set ServerURL to a host name that the certificate contains.",
  ENOTFOUND: "Check the host name in ServerURL, and the device's name server (/etc/resolv.conf).",
  EAI_AGAIN: "Check the device's network, and its name server (/etc/resolv.conf).",
  ECONNREFUSED: "Check the port in ServerURL, and whether the server runs.",
};
const UNTRUSTED = /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_)/;

/** @param skipsVerification whether the agent accepts any certificate */
export function assessServer(url: string, facts: ServerFacts, nowMs: number, skipsVerification: boolean): Finding {
  const subject = `certificate of ${url}`;
  if (facts.kind === "failed") {
    const advice = UNTRUSTED.test(facts.code)
      ? "Set ServerCertificate to the server's certificate, or to that of its authority."
      : (ADVICE[facts.code] ?? "Check the device's network, its proxy, and the address in ServerURL.");
    return { level: "bad", subject, found: `${facts.code}: ${facts.message}`, advice };
  }
  if (facts.kind === "plain") {
    const found = "plain http: anyone on the network can pose as the server";
    return { level: "note", subject: url, found, advice: "Use an https address in ServerURL." };
  }
  const found = `${facts.name}, valid until ${day(facts.expiresMs)}`;
  if (skipsVerification) {
    return { level: "note", subject, found: `${found}, but not verified`, advice: "Remove SkipVerify." };
  }
  if (facts.expiresMs - nowMs < SOON_MS) {
    return { level: "note", subject, found, advice: "Renew the server's certificate before that day." };
  }
  return { level: "good", subject, found };
}
