import { z } from "zod";
import type { CollectorAddress } from "../adapters/syslog/collector.ts";

/** Ports of RFC 6587 and RFC 5425. */
const PORTS: Readonly<Record<string, number>> = { "tcp:": 601, "tls:": 6514 };

/** The setting of the collector of audit records. */
export const SYSLOG = z.string().transform((text, context): Omit<CollectorAddress, "ca"> => {
  const [, protocol = "", host = "", port] =
    /^(tcp:|tls:)\/\/(\[[0-9a-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?\/?$/i.exec(text) ?? [];
  const number = port === undefined ? (PORTS[protocol.toLowerCase()] ?? 0) : Number(port);
  if (host === "" || number < 1 || number > 65_535) {
    context.addIssue({ code: "custom", message: "expected tls://HOST:PORT or tcp://HOST:PORT" });
    return z.NEVER;
  }
  return { host: host.replace(/^\[|\]$/g, ""), port: number, isTls: protocol.toLowerCase() === "tls:" };
});
