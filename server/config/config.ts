import { isIP, isIPv4 } from "node:net";
import { join, resolve } from "node:path";
import { z } from "zod";
import type { CollectorAddress } from "../adapters/syslog/collector.ts";
import { ServerError } from "../errors/server-error.ts";
import { isMailWhole, type MailSettings, mailOf, mailSchemas } from "./mail.ts";
import type { SettingKey } from "./settings.ts";
import { hasBothKeys, type Storage, storageOf, storageSchemas } from "./storage.ts";
import { SYSLOG } from "./syslog.ts";

export interface Address {
  /** Without it, all addresses of the machine. */
  readonly host?: string;
  readonly port: number;
}

export type Tls =
  | { readonly kind: "auto" }
  | { readonly kind: "off" }
  | { readonly kind: "files"; readonly cert: string; readonly key: string };

const LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

/** The configuration, checked. */
export interface Config {
  readonly data: string;
  readonly listen: Address;
  readonly localListen: Address | undefined;
  readonly metricsListen: Address | undefined;
  /** Between a signal and the end of new requests. */
  readonly drainDelayS: number;
  readonly url: string | undefined;
  readonly tls: Tls;
  /** Addresses and networks. */
  readonly trustProxy: readonly string[];
  /** Private addresses and networks that webhooks may call. */
  readonly webhookAllow: readonly string[];
  readonly mail: MailSettings | undefined;
  /** The collector of audit records. */
  readonly syslog: Omit<CollectorAddress, "ca"> | undefined;
  /** A file of certificates that are trusted besides the usual ones. */
  readonly trustCa: string | undefined;
  readonly database: string | undefined;
  readonly connections: number;
  readonly storage: Storage;
  readonly role: "all" | "api" | "worker";
  readonly logLevel: (typeof LEVELS)[number];
  readonly admin: string;
  readonly adminPasswordFile: string | undefined;
}

/** The text of a setting, and where it comes from: for people. */
export interface Given {
  readonly text: string;
  readonly from: string;
}

const ADDRESS = z
  .string()
  .regex(/^(?:\[[0-9a-f:.]+\]|[^:\s]*):?\d{1,5}$/i, "expected HOST:PORT")
  .transform((text): Address => {
    const at = text.lastIndexOf(":");
    const host = text.slice(0, Math.max(0, at)).replace(/^\[|\]$/g, "");
    return { ...(host !== "" && host !== "*" && { host }), port: Number(text.slice(at + 1)) };
  })
  .refine(({ port }) => port <= 65_535, "expected a port up to 65535");

const isLoopback = ({ host = "" }: Address): boolean =>
  host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));

/** An address, or a network with the length of its prefix. A network of all addresses would trust everybody. */
function isNetwork(text: string): boolean {
  const [address = "", length, ...more] = text.split("/");
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  const bits = version === 4 ? 32 : 128;
  return length === undefined || (/^[1-9]\d{0,2}$/.test(length) && Number(length) <= bits);
}

const PATH = z
  .string()
  .min(1, "expected a path")
  .transform((text) => resolve(text));

const NETWORKS = z
  .string()
  .transform((text) => text.split(",").map((each) => each.trim()))
  .refine((all) => all.every(isNetwork), "expected addresses or networks, such as 10.0.0.7,192.168.1.0/24");

const SCHEMA = z
  .object({
    data: PATH,
    listen: ADDRESS,
    "local-listen": z.union([
      z.literal("off").transform(() => undefined),
      ADDRESS.refine(isLoopback, "expected an address of the loopback interface, such as 127.0.0.1:8080, or off"),
    ]),
    "metrics-listen": ADDRESS.optional(),
    "drain-delay": z
      .string()
      .regex(/^(?:[1-9]?\d|[1-5]\d\d|600)$/, "expected seconds from 0 to 600")
      .transform(Number),
    url: z
      .url({ protocol: /^https?$/, error: "expected https://HOST" })
      .transform((text) => text.replace(/\/+$/, ""))
      .optional(),
    tls: z.string().transform((text, context): Tls => {
      if (text === "auto" || text === "off") return { kind: text };
      const [cert = "", key = "", ...more] = text.split(",");
      if (cert !== "" && key !== "" && more.length === 0)
        return { kind: "files", cert: resolve(cert), key: resolve(key) };
      context.addIssue({ code: "custom", message: "expected auto, off, or CERT,KEY" });
      return z.NEVER;
    }),
    "trust-proxy": NETWORKS.optional(),
    "webhook-allow": NETWORKS.optional(),
    ...mailSchemas,
    syslog: SYSLOG.optional(),
    "trust-ca": PATH.optional(),
    // Not a URL to everybody: with a socket, the host is in the query, and the place for it is empty.
    database: z
      .string()
      .regex(/^postgres(?:ql)?:\/\/[^\s/]*\/[^\s/?]+(?:\?\S*)?$/, "expected postgresql://USER@HOST/DATABASE")
      .optional(),
    "database-connections": z
      .string()
      .regex(/^[1-9]\d{0,3}$/, "expected a number from 1 to 9999")
      .transform(Number),
    ...storageSchemas,
    role: z.enum(["all", "api", "worker"], "expected all, api or worker"),
    "log-level": z.enum(LEVELS, `expected one of ${LEVELS.join(", ")}`),
    admin: z.string().regex(/^[^@\s]+@[^@\s]+$/, "expected an email address"),
    "admin-password-file": PATH.optional(),
  } satisfies Record<SettingKey, z.ZodType>)
  .refine(hasBothKeys, {
    path: ["storage-secret-key"],
    error: "expected both an access key and its secret, or neither",
  })
  .refine(isMailWhole, { path: ["smtp-url"], error: "expected smtp-from and url as well: mails have links" });

/** @throws {ServerError} CONFIG_INVALID, which names the setting and where it comes from */
export function checkConfig(given: ReadonlyMap<SettingKey, Given>): Config {
  const texts = [...given].map(([key, { text }]) => [key, text] as const);
  const parsed = SCHEMA.safeParse(Object.fromEntries(texts));
  if (!parsed.success) throw invalid(given, parsed.error.issues[0]);
  const { data, "local-listen": localListen, "database-connections": connections, ...more } = parsed.data;
  const { "log-level": logLevel, "admin-password-file": adminPasswordFile, "trust-proxy": trustProxy, ...rest } = more;
  const { listen, "metrics-listen": metricsListen, url, tls, database, role, admin } = rest;
  return {
    ...{
      data,
      listen,
      localListen,
      metricsListen,
      url,
      tls,
      database,
      connections,
      role,
      logLevel,
      admin,
      adminPasswordFile,
    },
    drainDelayS: rest["drain-delay"],
    trustProxy: trustProxy ?? [],
    webhookAllow: rest["webhook-allow"] ?? [],
    mail: mailOf(parsed.data),
    syslog: rest.syslog,
    trustCa: rest["trust-ca"],
    storage: storageOf(parsed.data, join(data, "objects")),
  };
}

function invalid(given: ReadonlyMap<string, Given>, issue: z.core.$ZodIssue | undefined): ServerError {
  const key = String(issue?.path[0]);
  const found = given.get(key);
  return new ServerError("CONFIG_INVALID", {
    key,
    ...(found !== undefined && { value: shownValue(key, found.text), from: found.from }),
    reason: reasonOf(issue),
  });
}

function reasonOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === "invalid_union") return reasonOf(issue.errors.at(-1)?.[0]);
  return issue?.message ?? "not valid";
}

/** A value for people: passwords and secret keys are left out. */
export function shownValue(key: string, text: string): string {
  if (key === "storage-secret-key") return "***";
  if (key !== "database" && key !== "smtp-url") return text;
  return text.replace(/^([a-z]+:\/\/[^:@/]*):[^@/]*@/, "$1:***@").replace(/([?&]password=)[^&]*/, "$1***");
}
