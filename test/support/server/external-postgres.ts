import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { pino } from "pino";
import { endOrphans } from "../../../server/adapters/postgres/private/postmaster.ts";
import {
  type PrivatePostgres,
  startPrivatePostgres,
} from "../../../server/adapters/postgres/private/private-postgres.ts";
import { socketFolder } from "../../../server/adapters/postgres/private/socket-folder.ts";
import { DatabaseFront } from "./database-front.ts";

const PASSWORD = "a long password";
/** Passwords for all but the tests themselves. */
const ACCESS = "local all postgres,switchback trust\nlocal all all scram-sha-256\n";

/** A PostgreSQL that an operator runs apart from the server: with a TCP port, and passwords. */
export class ExternalPostgres {
  readonly #folder: string;
  readonly #front = new DatabaseFront();
  #socketFolder = "";
  #running: PrivatePostgres | undefined;

  /** Does not start it yet, but gives it its port. */
  static async make(): Promise<ExternalPostgres> {
    const folder = await mkdtemp(join(tmpdir(), "external-postgres-"));
    await chmod(folder, 0o711);
    const made = new ExternalPostgres(folder);
    await made.#front.listen();
    await made.#front.close();
    return made;
  }

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param prepare what must be there before anybody can reach it */
  async start(prepare: () => Promise<unknown> = async () => undefined): Promise<void> {
    const folder = join(this.#folder, "cluster");
    const settings = ["max_connections=100", "shared_buffers=32MB"];
    this.#running = await startPrivatePostgres({ folder, log: pino({ level: "silent" }), settings });
    this.#socketFolder = await socketFolder(folder, undefined);
    await writeFile(join(folder, "data", "pg_hba.conf"), ACCESS);
    await this.asSuperuser("SELECT pg_reload_conf()");
    await prepare();
    this.#front.passTo(this.#socketFolder);
    await this.#front.listen();
  }

  async stop(): Promise<void> {
    if (this.#running === undefined) return;
    await this.#front.close();
    await this.#running.stop();
    this.#running = undefined;
  }

  /** The process that takes connections. It is started again if it dies, as a supervisor of the operator would. */
  pid(): number | undefined {
    return this.#running?.pid();
  }

  async remove(): Promise<void> {
    await this.stop();
    await endOrphans(join(this.#folder, "cluster", "data"));
    await rm(this.#folder, { recursive: true, force: true });
  }

  async asSuperuser(text: string, database = "postgres"): Promise<void> {
    const client = new pg.Client({ host: this.#socketFolder, user: "postgres", database });
    await client.connect();
    await client.query(text);
    await client.end();
  }

  /** Makes a database with a role of its own, which has the rights that the manual names and no others. */
  async makeDatabase(name: string): Promise<string> {
    await this.asSuperuser(`CREATE ROLE ${name} LOGIN PASSWORD '${PASSWORD}' NOSUPERUSER NOCREATEDB NOCREATEROLE`);
    await this.asSuperuser(`CREATE DATABASE ${name}`);
    await this.asSuperuser(`GRANT USAGE, CREATE ON SCHEMA public TO ${name}`, name);
    return this.url(name, name);
  }

  url(role: string, database: string, password = PASSWORD): string {
    return `postgresql://${role}:${encodeURIComponent(password)}@127.0.0.1:${this.#front.port}/${database}`;
  }
}
