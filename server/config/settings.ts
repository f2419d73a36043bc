import { homedir } from "node:os";
import { join } from "node:path";

/** One setting of the server: a flag, a variable of the environment and a key of the configuration file. */
export interface Setting {
  /** The key in the file, and the flag without its dashes. */
  readonly key: string;
  /** What stands for the value in help texts. */
  readonly value: string;
  readonly doc: string;
  /** Shown in documents where the value depends on the machine. */
  readonly defaultDoc?: string;
  default(): string | undefined;
}

/** Where packages of distributions put data of services, and where people without root can write. */
const dataFolder = (): string =>
  process.getuid?.() === 0
    ? "/var/lib/switchback-server"
    : join(process.env["XDG_DATA_HOME"] ?? join(homedir(), ".local", "share"), "switchback-server");

/** All settings. The order is that of `--help`, of `--print-config` and of the reference page. */
export const SETTINGS = [
  {
    key: "data",
    value: "DIR",
    doc: "folder of the private database, the certificates and the Artifacts",
    defaultDoc: "/var/lib/switchback-server for root, else ~/.local/share/switchback-server",
    default: dataFolder,
  },
  {
    key: "listen",
    value: "HOST:PORT",
    doc: "address for devices and people; without HOST, all addresses of this machine",
    default: () => ":8443",
  },
  {
    key: "local-listen",
    value: "HOST:PORT",
    doc: "address for plain HTTP and /metrics, on the loopback interface only; 'off' for none",
    default: () => "127.0.0.1:8080",
  },
  {
    key: "metrics-listen",
    value: "HOST:PORT",
    doc: "address for /metrics, /healthz and /readyz alone, by plain HTTP and without a token: for a monitoring system elsewhere",
    defaultDoc: "none: local-listen has them",
    default: () => undefined,
  },
  {
    key: "drain-delay",
    value: "SECONDS",
    doc: "after a signal, how long /readyz answers 503 before the server takes no more requests: for a balancer to notice",
    default: () => "0",
  },
  {
    key: "url",
    value: "PUBLIC_URL",
    doc: "how devices reach the server; links to Artifacts begin with it, and the certificate names its host",
    defaultDoc: "the address that a device used",
    default: () => undefined,
  },
  {
    key: "tls",
    value: "auto|off|CERT,KEY",
    doc: "certificate: from an authority that the server makes, none (behind a proxy), or two PEM files",
    default: () => "auto",
  },
  {
    key: "trust-proxy",
    value: "ADDRESS,…",
    doc: "proxies in front, as addresses or networks: the server believes what they say about the client",
    defaultDoc: "none: the address of the connection is that of the client",
    default: () => undefined,
  },
  {
    key: "webhook-allow",
    value: "ADDRESS,…",
    doc: "private addresses and networks that webhooks may call nevertheless, and at which identity providers may be",
    defaultDoc: "none: the server calls public addresses only",
    default: () => undefined,
  },
  {
    key: "smtp-url",
    value: "URL",
    doc: "mail server for invitations and new passwords: smtp://USER:PASSWORD@HOST:587 or smtps://HOST:465; give it in the environment or the file if it has a password, and give 'url', too",
    defaultDoc: "none: those who manage users see the links, and pass them on",
    default: () => undefined,
  },
  {
    key: "smtp-from",
    value: "ADDRESS",
    doc: "sender of mails: an address, or 'Name <address>'",
    defaultDoc: "none: smtp-url needs one",
    default: () => undefined,
  },
  {
    key: "smtp-tls",
    value: "required|off",
    doc: "with smtp://, whether the mail server must offer TLS; 'off' is for one on this machine",
    default: () => "required",
  },
  {
    key: "syslog",
    value: "URL",
    doc: "collector that gets all audit records as messages of RFC 5424: tls://HOST:6514 or tcp://HOST:601",
    defaultDoc: "none",
    default: () => undefined,
  },
  {
    key: "trust-ca",
    value: "FILE",
    doc: "authorities, besides the usual ones, from which the certificates of mail server and collector may come",
    defaultDoc: "none",
    default: () => undefined,
  },
  {
    key: "database",
    value: "URL",
    doc: "PostgreSQL 15 or newer, as a role that is no superuser",
    defaultDoc: "a private PostgreSQL in the data folder",
    default: () => undefined,
  },
  {
    key: "database-connections",
    value: "NUMBER",
    doc: "connections to the database, at most",
    default: () => "10",
  },
  {
    key: "storage",
    value: "DIR|s3://BUCKET[/PREFIX]",
    doc: "where the Artifacts are: a folder or a bucket; processes on one database share it",
    defaultDoc: "the folder objects in the data folder",
    default: () => undefined,
  },
  {
    key: "storage-links",
    value: "proxied|presigned",
    doc: "devices download from this server, or from the bucket itself, whose host they must reach",
    default: () => "proxied",
  },
  {
    key: "storage-endpoint",
    value: "URL",
    doc: "address of an S3 store that is not Amazon's",
    defaultDoc: "AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, else Amazon's",
    default: () => process.env["AWS_ENDPOINT_URL_S3"] ?? process.env["AWS_ENDPOINT_URL"],
  },
  {
    key: "storage-region",
    value: "REGION",
    doc: "region of the bucket",
    defaultDoc: "AWS_REGION, AWS_DEFAULT_REGION, else that of AWS's own files",
    default: () => process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"],
  },
  {
    key: "storage-path-style",
    value: "yes|no",
    doc: "name the bucket in the path of URLs, not in the host",
    defaultDoc: "yes with an endpoint, else no",
    default: () => undefined,
  },
  {
    key: "storage-access-key",
    value: "ID",
    doc: "access key of the bucket",
    defaultDoc: "what AWS's own tools use: AWS_ACCESS_KEY_ID, profiles, roles of machines and containers",
    default: () => undefined,
  },
  {
    key: "storage-secret-key",
    value: "SECRET",
    doc: "its secret; give it in the environment or the file, because all users of the machine see options",
    defaultDoc: "that of AWS's own tools, such as AWS_SECRET_ACCESS_KEY",
    default: () => undefined,
  },
  {
    key: "role",
    value: "all|api|worker",
    doc: "answer requests, do the work that no request waits for, or both",
    default: () => "all",
  },
  {
    key: "log-level",
    value: "LEVEL",
    doc: "fatal, error, warn, info, debug or trace; debug logs the requests of devices, too",
    default: () => "info",
  },
  {
    key: "admin",
    value: "EMAIL",
    doc: "administrator that the first start makes",
    default: () => "admin@localhost",
  },
  {
    key: "admin-password-file",
    value: "FILE",
    doc: "file with the administrator's password",
    defaultDoc: "the first start makes a password and prints it once",
    default: () => undefined,
  },
] as const satisfies readonly Setting[];

export type SettingKey = (typeof SETTINGS)[number]["key"];

export const environmentName = (key: string): string => `SWITCHBACK_${key.toUpperCase().replaceAll("-", "_")}`;
