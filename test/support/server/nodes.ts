import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BuiltServer, type Running } from "./built-server.ts";
import { command } from "./command.ts";
import { freePort } from "./free-port.ts";
import { ReplicatedPostgres } from "./replicated-postgres.ts";
import { logIn } from "./test-server.ts";

const PASSWORD = "correct horse battery";
const READY_MS = 60_000;

interface Node {
  readonly port: number;
  running: Running;
}

/**
 * Two processes of `switchback-server` as shipped, on a PostgreSQL with a replica and one store, behind HAProxy as
 * docs/guides/scaling.md configures it.
 */
export class Nodes {
  readonly database: ReplicatedPostgres;
  readonly #folder: string;
  readonly #program: BuiltServer;
  readonly #balancerPort: number;
  readonly nodes: Node[] = [];
  #balancer: ChildProcess | undefined;
  token = "";
  tenantToken = "";

  static async start(): Promise<Nodes> {
    const folder = await mkdtemp(join(tmpdir(), "nodes-"));
    await chmod(folder, 0o711);
    await writeFile(join(folder, "password"), PASSWORD);
    const [program, database] = await Promise.all([BuiltServer.build(), ReplicatedPostgres.start()]);
    const made = new Nodes(folder, program, database, await freePort());
    await made.#begin();
    return made;
  }

  private constructor(folder: string, program: BuiltServer, database: ReplicatedPostgres, balancerPort: number) {
    this.#folder = folder;
    this.#program = program;
    this.database = database;
    this.#balancerPort = balancerPort;
  }

  /** Of the balancer. */
  get url(): string {
    return `http://127.0.0.1:${this.#balancerPort}`;
  }

  async #begin(): Promise<void> {
    for (const port of [await freePort(), await freePort()]) {
      this.nodes.push({ port, running: this.#run(port) });
      await this.ready(this.nodes.length - 1);
    }
    await this.#balance();
    this.token = await logIn(this.url, "admin@example.com", PASSWORD);
    const [, tenants] = await command("tenant", "list", "--json", "--database", this.database.url);
    this.tenantToken = JSON.parse(tenants)[0].tenant_token;
  }

  #run(port: number): Running {
    const where = ["--database", this.database.url, "--storage", join(this.#folder, "objects")];
    const listen = ["--listen", `127.0.0.1:${port}`, "--local-listen", "off", "--tls", "off"];
    const admin = ["--admin", "admin@example.com", "--admin-password-file", join(this.#folder, "password")];
    const front = ["--url", this.url, "--trust-proxy", "127.0.0.1", "--drain-delay", "5"];
    return this.#program.start("start", ...where, "--data", join(this.#folder, "data"), ...listen, ...admin, ...front);
  }

  /** Waits until a process says that it is ready. */
  async ready(index: number): Promise<void> {
    const node = this.#node(index);
    const until = performance.now() + READY_MS;
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${node.port}/readyz`).catch(() => undefined); // ignored: not yet.
      if (answer?.status === 200) return;
      if (node.running.child.exitCode !== null || performance.now() > until)
        throw new Error(`node ${index} is not ready: ${node.running.heard()}`);
      await sleep(50);
    }
  }

  /** Ends a process as a supervisor does, and starts it again. @returns its exit status */
  async restart(index: number): Promise<number | null> {
    const node = this.#node(index);
    node.running.child.kill("SIGTERM");
    const { exitCode } = await node.running.ended;
    node.running = this.#run(node.port);
    await this.ready(index);
    return exitCode;
  }

  signal(index: number, name: "SIGSTOP" | "SIGCONT"): void {
    this.#node(index).running.child.kill(name);
  }

  #node(index: number): Node {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return node;
  }

  async #balance(): Promise<void> {
    const path = join(this.#folder, "haproxy.cfg");
    const [, guide = ""] = /^```haproxy\n(.*?)^```$/ms.exec(readFileSync("docs/guides/scaling.md", "utf8")) ?? [];
    let text = guide;
    const [first, second] = this.nodes;
    for (const [from, to] of [
      ["bind :443 ssl crt /etc/haproxy/ota.pem alpn h2,http/1.1", `bind 127.0.0.1:${this.#balancerPort}`],
      ["X-Forwarded-Proto https", "X-Forwarded-Proto http"],
      ["10.0.0.11:8443", `127.0.0.1:${first?.port}`],
      ["10.0.0.12:8443", `127.0.0.1:${second?.port}`],
    ] as const) {
      if (!text.includes(from)) throw new Error(`the guide does not say: ${from}`);
      text = text.replace(from, to);
    }
    await writeFile(path, text);
    this.#balancer = spawn("haproxy", ["-db", "-f", path], { stdio: "ignore" });
    while ((await fetch(`${this.url}/healthz`).catch(() => undefined))?.status !== 200) await sleep(50); // ignored: not yet.
  }

  /** Asks through the balancer, or one process. */
  async ask(method: string, path: string, body?: object, index?: number): Promise<Response> {
    const url = index === undefined ? this.url : `http://127.0.0.1:${this.#node(index).port}`;
    return fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  async remove(): Promise<void> {
    if (this.#balancer !== undefined) {
      this.#balancer.kill("SIGKILL");
      await once(this.#balancer, "exit");
    }
    for (const { running } of this.nodes) {
      running.child.kill("SIGKILL");
      await running.ended;
    }
    await this.database.remove();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
