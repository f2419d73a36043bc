import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { pino } from "pino";
import { startPrivatePostgres } from "../../../server/adapters/postgres/private/private-postgres.ts";
import { bundleServer, SERVER } from "../server-bundle.ts";
import { Program } from "./programs.ts";

/** The built server on a PostgreSQL of its own, with what measurements ask of both. */
export interface ServerUnderTest {
  /** Plain HTTP. */
  readonly url: string;
  /** With TLS. */
  readonly secureUrl: string;
  readonly certificate: { readonly key: string; readonly cert: string };
  readonly program: Program;
  readonly client: pg.Client;
  readonly databaseUrl: string;
  readonly tenant: string;
  /** For files that a measurement needs. */
  readonly folder: string;
  /** A token of the administrator. */
  readonly token: string;
  post(path: string, body: unknown): Promise<Response>;
  get(path: string): Promise<Response>;
}

/** Starts the server, runs `measureIt`, and ends what was started. */
export async function withServer(measureIt: (server: ServerUnderTest) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "switchback-bench-server-"));
  // The user of PostgreSQL goes through here.
  await chmod(folder, 0o711);
  const database = await startPrivatePostgres({ folder: join(folder, "postgres"), log: pino({ level: "error" }) });
  let program: Program | undefined;
  let client: pg.Client | undefined;
  try {
    await bundleServer(join(folder, "program"));
    const certificate = makeCertificate(folder);
    program = new Program([
      ...[join(folder, "program", SERVER), "start", "--listen", "127.0.0.1:0", "--local-listen"],
      ...[
        "127.0.0.1:0",
        "--tls",
        `${certificate.cert},${certificate.key}`,
        "--data",
        join(folder, "data"),
        "--database",
        database.url,
        "--log-level",
        "error",
      ],
    ]);
    const password = await program.said(/shown only now: (\S+)/);
    const secureUrl = await program.said(/Devices and people: (\S+)/);
    const url = await program.said(/This machine only: +(\S+)/);
    client = new pg.Client(database.url);
    await client.connect();
    const { rows } = await client.query<{ id: string }>("SELECT id FROM tenants");
    const tenant = rows[0]?.id ?? "";
    const token = await logIn(url, password);
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    await measureIt({
      ...{ url, secureUrl, certificate, program, client, databaseUrl: database.url, tenant, folder, token },
      post: (path, body) => ask(`${url}${path}`, { method: "POST", headers, body: JSON.stringify(body) }),
      get: (path) => ask(`${url}${path}`, { headers }),
    });
  } finally {
    await client?.end();
    await program?.stop();
    await database.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Of its own, which nginx shows as well. */
function makeCertificate(folder: string): ServerUnderTest["certificate"] {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...kind, "-subj", "/CN=localhost", "-keyout", key, "-out", cert], {
    stdio: "ignore",
  });
  return { key, cert };
}

async function logIn(url: string, password: string): Promise<string> {
  const credentials = Buffer.from(`admin@localhost:${password}`).toString("base64");
  const headers = { authorization: `Basic ${credentials}` };
  return (await ask(`${url}/api/management/v1/useradm/auth/login`, { method: "POST", headers })).text();
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  const answer = await fetch(url, init);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  // The whole answer has arrived when the caller goes on.
  return new Response(await answer.arrayBuffer(), answer);
}
