import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { type Binaries, findBinaries } from "../../../server/adapters/postgres/private/binaries.ts";
import { asUser } from "../../../server/adapters/postgres/private/child.ts";
import { makeCluster, makeDatabase, makeFolder } from "../../../server/adapters/postgres/private/make-cluster.ts";
import { processesIn } from "../../../server/adapters/postgres/private/postmaster.ts";
import { type ServiceUser, serviceUser } from "../../../server/adapters/postgres/private/service-user.ts";
import { socketFolder } from "../../../server/adapters/postgres/private/socket-folder.ts";
import { DatabaseFront } from "./database-front.ts";

const SETTINGS = ["listen_addresses=", "max_connections=60", "shared_buffers=32MB", "fsync=off"];
const DATABASE = "switchback";

/** Two PostgreSQL with streaming replication, where a commit is acknowledged when both have it, behind one address. */
export class ReplicatedPostgres {
  readonly front = new DatabaseFront();
  readonly #folder: string;
  readonly #clusters: readonly [Cluster, Cluster];

  static async start(): Promise<ReplicatedPostgres> {
    const folder = await mkdtemp(join(tmpdir(), "replicated-"));
    await chmod(folder, 0o711);
    const clusters = await Promise.all([Cluster.at(join(folder, "a")), Cluster.at(join(folder, "b"))]);
    const made = new ReplicatedPostgres(folder, clusters);
    await made.#begin();
    return made;
  }

  private constructor(folder: string, clusters: readonly [Cluster, Cluster]) {
    this.#folder = folder;
    this.#clusters = clusters;
  }

  get url(): string {
    return `postgresql://${DATABASE}@127.0.0.1:${this.front.port}/${DATABASE}`;
  }

  async #begin(): Promise<void> {
    const [primary, replica] = this.#clusters;
    await primary.make();
    await primary.start();
    await makeDatabase(primary.sockets);
    await replica.copy(primary);
    await replica.start();
    await primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await primary.ask("SELECT pg_reload_conf()");
    this.front.passTo(primary.sockets);
    await this.front.listen();
  }

  /** The primary is gone, as after a loss of power. `isSilent`: its connections do not break. */
  losePrimary({ isSilent }: { readonly isSilent: boolean }): void {
    const [primary, replica] = this.#clusters;
    if (isSilent) this.front.silence();
    primary.kill();
    if (!isSilent) this.front.cut();
    this.front.passTo(replica.sockets);
  }

  /** The replica, which has answered questions only, becomes the primary. */
  async promote(): Promise<void> {
    await this.#clusters[1].ask("SELECT pg_promote()");
  }

  async remove(): Promise<void> {
    await this.front.close();
    for (const cluster of this.#clusters) cluster.kill();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

class Cluster {
  readonly #data: string;
  readonly #user: ServiceUser | undefined;
  readonly #binaries: Binaries;
  readonly sockets: string;

  static async at(folder: string): Promise<Cluster> {
    const data = join(folder, "data");
    const user = await serviceUser(data);
    await makeFolder(folder, user);
    return new Cluster(data, user, await findBinaries(undefined), await socketFolder(folder, user));
  }

  private constructor(data: string, user: ServiceUser | undefined, binaries: Binaries, sockets: string) {
    this.#data = data;
    this.#user = user;
    this.#binaries = binaries;
    this.sockets = sockets;
  }

  async make(): Promise<void> {
    await makeCluster(this.#data, this.#binaries, this.#user);
  }

  async copy(primary: Cluster): Promise<void> {
    const from = ["-h", primary.sockets, "-U", "postgres", "-D", this.#data];
    await this.#run("pg_basebackup", ...from, "-R", "-X", "stream", "-c", "fast");
  }

  async start(): Promise<void> {
    const settings = [...SETTINGS, `unix_socket_directories=${this.sockets}`].map((one) => `-c ${one}`).join(" ");
    await this.#run("pg_ctl", "-D", this.#data, "-l", join(this.#data, "log"), "-o", settings, "-w", "start");
  }

  kill(): void {
    for (const pid of processesIn(this.#data)) process.kill(pid, "SIGKILL");
  }

  async ask(text: string): Promise<void> {
    const client = new pg.Client({ host: this.sockets, user: "postgres", database: "postgres" });
    await client.connect();
    await client.query(text);
    await client.end();
  }

  async #run(program: string, ...argv: readonly string[]): Promise<void> {
    await promisify(execFile)(join(this.#binaries.folder, program), argv, asUser(this.#user, join(this.#data, "..")));
  }
}
