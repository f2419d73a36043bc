import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endOrphans } from "../../../server/adapters/postgres/private/postmaster.ts";
import { BuiltServer, type Running } from "./built-server.ts";
import { command } from "./command.ts";
import { ExternalPostgres } from "./external-postgres.ts";
import { S3Server } from "./s3-server.ts";
import { logIn } from "./test-server.ts";

const PASSWORD = "correct horse battery";

/** Where the server keeps what it has: all that an installation can be. */
export type Keeping = "a private PostgreSQL and files" | "an external PostgreSQL and S3";
export const KEEPINGS: readonly Keeping[] = ["a private PostgreSQL and files", "an external PostgreSQL and S3"];

/** Processes of `switchback-server` as shipped, on one database and one store. */
export class RunningProgram {
  readonly #folder: string;
  readonly #program: BuiltServer;
  readonly #where: readonly string[];
  readonly #others: readonly (() => Promise<void>)[];
  readonly processes: Running[] = [];
  /** Of the first process. */
  url = "";
  token = "";
  tenantToken = "";

  static async start(keeping: Keeping, publicUrl: string): Promise<RunningProgram> {
    const folder = await mkdtemp(join(tmpdir(), "server-"));
    await chmod(folder, 0o711);
    await writeFile(join(folder, "password"), PASSWORD);
    const program = await BuiltServer.build();
    if (keeping === "a private PostgreSQL and files")
      return new RunningProgram(folder, program, ["--data", join(folder, "data")], []).#begin(publicUrl);
    const [store, database] = await Promise.all([S3Server.start(), ExternalPostgres.make()]);
    await database.start();
    const url = await database.makeDatabase("ota");
    const where = ["--database", url, ...store.options("fleet"), "--data", join(folder, "data")];
    return new RunningProgram(folder, program, where, [() => database.remove(), () => store.remove()]).#begin(
      publicUrl,
    );
  }

  private constructor(
    folder: string,
    program: BuiltServer,
    where: readonly string[],
    others: readonly (() => Promise<void>)[],
  ) {
    this.#folder = folder;
    this.#program = program;
    this.#where = where;
    this.#others = others;
  }

  async #begin(publicUrl: string): Promise<this> {
    this.url = await this.add(publicUrl);
    this.token = await logIn(this.url, "admin@example.com", PASSWORD);
    const database = this.#where.slice(0, 2);
    const [, tenants] = await command("tenant", "list", "--json", ...database);
    this.tenantToken = JSON.parse(tenants)[0].tenant_token;
    return this;
  }

  /** Starts a process. @returns its address, which the front for devices passes to */
  async add(publicUrl: string): Promise<string> {
    const listen = ["--listen", "127.0.0.1:0", "--local-listen", "127.0.0.1:0", "--tls", "off"];
    const admin = ["--admin", "admin@example.com", "--admin-password-file", join(this.#folder, "password")];
    const running = this.#program.start("start", ...this.#where, ...listen, ...admin, "--url", publicUrl);
    this.processes.push(running);
    await running.said(/(is ready)/);
    return running.said(/This machine only: +(\S+)/);
  }

  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    const isJson = /json/.test(answer.headers.get("content-type") ?? "");
    const location = answer.headers.get("location")?.split("/").at(-1);
    return (isJson ? JSON.parse(text) : (location ?? text)) as T;
  }

  async close(): Promise<void> {
    for (const { child, ended } of this.processes) {
      child.kill("SIGKILL");
      await ended;
    }
    await endOrphans(join(this.#folder, "data", "postgres", "data")).catch(() => undefined); // ignored: there is none.
    for (const end of this.#others) await end();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
