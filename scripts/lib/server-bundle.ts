import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { build, type Metafile } from "esbuild";
import { FOR_NODE } from "./bundle.ts";
import { COMMONJS, type HarnessBudget as ServerBudget, type WeighedHarness, weighHarness } from "./harness-bundle.ts";
import { leanServer } from "./lean-server.ts";
import { writeProgram } from "./write-program.ts";

/** The management server, which is never on a device. */
export const SERVER = "switchback-server.mjs";

/** A new name or a larger number is a decision: the commit must give the reason. */
export const SERVER_BUDGET: ServerBudget = {
  packages: new Set([
    ...["commander", "zod", "js-yaml"],
    // Certificates: Node has no code that makes them.
    "node-forge",
    ...["jose", "kysely"],
    // QR codes for apps that make codes of the second factor.
    "qr",
    // Sign-in by an identity provider: OpenID Connect is no place for code of our own.
    ...["openid-client", "oauth4webapi"],
    // SMTP: mails with links by which people set a password.
    "nodemailer",
    // PostgreSQL's protocol, with what it needs.
    ...["pg", "pg-cloudflare", "pg-connection-string", "pg-int8", "pg-pool", "pg-protocol", "pg-types", "pgpass"],
    ...["postgres-array", "postgres-bytea", "postgres-date", "postgres-interval", "split2", "xtend"],
    // Metrics, with what they need.
    ...["prom-client", "@opentelemetry/api", "bintrees", "tdigest"],
    // The log, with what it needs.
    ...[
      "pino",
      "@pinojs/redact",
      "atomic-sleep",
      "on-exit-leak-free",
      "pino-std-serializers",
      "quick-format-unescaped",
    ],
    ...["safe-stable-stringify", "sonic-boom", "thread-stream"],
    // HTTP and OpenAPI, with what they need.
    ...["fastify", "fastify-plugin", "fastify-type-provider-zod", "@fastify/swagger", "@fastify/ajv-compiler"],
    ...["@fastify/deepmerge", "@fastify/error", "@fastify/fast-json-stringify-compiler", "@fastify/forwarded"],
    ...["@fastify/merge-json-schemas", "@fastify/proxy-addr", "abstract-logging", "ajv", "ajv-formats", "avvio"],
    ...["cookie", "debug", "dequal", "fast-decode-uri-component", "fast-deep-equal", "fast-json-stringify"],
    ...["fast-querystring", "fast-uri", "fastq", "find-my-way", "has-flag", "ipaddr.js", "json-schema-ref-resolver"],
    ...["json-schema-resolver", "json-schema-traverse", "light-my-request", "ms", "process-warning", "ret", "reusify"],
    ...[
      "rfdc",
      "safe-regex2",
      "secure-json-parse",
      "semver",
      "set-cookie-parser",
      "supports-color",
      "toad-cache",
      "yaml",
    ],
    ...["@fastify/multipart", "@fastify/busboy"],
    // S3, with what it needs.
    ...["@aws-sdk/client-s3", "@aws-sdk/s3-request-presigner", "@aws-sdk/checksums", "@aws-sdk/core"],
    ...["@aws-sdk/credential-provider-env", "@aws-sdk/credential-provider-http", "@aws-sdk/credential-provider-ini"],
    ...["@aws-sdk/credential-provider-node", "@aws-sdk/credential-provider-process", "@aws-sdk/nested-clients"],
    ...["@aws-sdk/credential-provider-web-identity", "@aws-sdk/middleware-sdk-s3", "@aws-sdk/xml-builder"],
    ...["@aws-sdk/signature-v4-multi-region", "@aws/lambda-invoke-store", "@smithy/core", "@smithy/types"],
    ...["@smithy/credential-provider-imds", "@smithy/node-http-handler", "@smithy/signature-v4"],
  ]),
  bytes: 3_050_000,
};

/** Weighs the server against its budget, which is apart from that of the program for devices. */
export const weighServer = (metafile: Metafile, budget = SERVER_BUDGET): WeighedHarness =>
  weighHarness(metafile, budget, "server");

/** Code that must be in no bundle for devices: a slip would bring a database client to a board. */
const NOT_FOR_DEVICES = /^(?:server|fleet|web|qemu|src\/protocol\/api)\//;

/** What a bundle for devices contains and must not. */
export const foreignInputs = ({ inputs }: Metafile): readonly string[] =>
  Object.keys(inputs)
    .filter((input) => NOT_FOR_DEVICES.test(input))
    .map((input) => `not for devices: ${input}`);

/** Bundles `server/main.ts` into one file in `outdir`, with the migrations of its database beside it. */
export async function bundleServer(outdir: string): Promise<Metafile> {
  const path = join(outdir, SERVER);
  const { outputFiles, metafile } = await build({
    entryPoints: ["server/main.ts"],
    outfile: path,
    ...FOR_NODE,
    banner: { js: `#!/usr/bin/env node\n${COMMONJS}` },
    // An optional native client, which pg tries to load and does without.
    external: ["pg-native"],
    plugins: [leanServer],
  });
  await mkdir(outdir, { recursive: true });
  await cp("server/adapters/postgres/migrations", join(outdir, "migrations"), { recursive: true });
  await writeProgram(path, outputFiles[0]?.contents ?? "");
  return metafile;
}
