import { spawn } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { once } from "node:events";
import { createWriteStream, openAsBlob } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { writeSingleFile } from "../../../server/adapters/artifacts/write-single-file.ts";
import { say } from "../run.ts";
import { median } from "../statistics.ts";
import { Program } from "./programs.ts";
import type { ServerUnderTest } from "./server-under-test.ts";

const GIB = 1024 ** 3;
const ARTIFACTS = "/api/management/v1/deployments/artifacts";
const NGINX_PORT = 18103;
const NGINX_TLS_PORT = 18104;

/** An upload of 1 GiB: what it adds to the server's memory. Its download: processor time beside nginx. */
export async function measureTransfers(server: ServerUnderTest, rounds: number): Promise<void> {
  const { program, folder, url, token } = server;
  const file = join(folder, "large.mender");
  const facts = { name: "large", deviceTypes: ["board-1"], folder: "/opt", fileName: "large.bin" };
  await writeSingleFile(facts, Readable.from(randomBytes(GIB)), (bytes) => pipeline(bytes, createWriteStream(file)));

  const before = await program.resetPeak();
  const form = new FormData();
  form.append("artifact", await openAsBlob(file), "large.mender");
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}${ARTIFACTS}`, { method: "POST", headers, body: form });
  if (answer.status !== 201) throw new Error(`upload: ${answer.status} ${await answer.text()}`);
  const { peak } = await program.memoryMiB();
  say(`Upload of 1 GiB: ${Math.round(before)} MiB before, ${Math.round(peak)} MiB at most`);

  const id = answer.headers.get("location")?.split("/").at(-1);
  const { uri } = (await (await server.get(`${ARTIFACTS}/${id}/download`)).json()) as { readonly uri: string };
  const nginx = await startNginx(server);
  try {
    for (const [name, own, peer] of [
      ["TLS", uri.replace(url, server.secureUrl), `https://127.0.0.1:${NGINX_TLS_PORT}/large.mender`],
      ["plain HTTP", uri, `http://127.0.0.1:${NGINX_PORT}/large.mender`],
    ] as const) {
      const times = { own: [] as number[], peer: [] as number[] };
      for (let round = 0; round < rounds; round += 1) {
        times.own.push(await cpuOfDownload(program, own));
        times.peer.push(await cpuOfDownload(nginx, peer));
      }
      const beside = `nginx ${median(times.peer)} ms (${(median(times.own) / median(times.peer)).toFixed(2)}x)`;
      say(`Download of 1 GiB by ${name}: ${median(times.own)} ms of processor time, ${beside}`);
    }
  } finally {
    await nginx.stop();
  }
}

function* randomBytes(total: number): Generator<Buffer> {
  const chunk = Buffer.alloc(1024 * 1024);
  for (let made = 0; made < total; made += chunk.length) yield Buffer.from(randomFillSync(chunk));
}

async function cpuOfDownload(program: Program, url: string): Promise<number> {
  const before = await program.cpuMs();
  const curl = spawn("curl", ["--silent", "--insecure", "--fail", "--output", "/dev/null", url], { stdio: "inherit" });
  const [code] = await once(curl, "exit");
  if (code !== 0) throw new Error(`curl ended with ${String(code)}`);
  return (await program.cpuMs()) - before;
}

/** One process, with what Debian's own configuration says of transfers. */
async function startNginx({ folder, certificate }: ServerUnderTest): Promise<Program> {
  const conf = join(folder, "nginx.conf");
  await writeFile(
    conf,
    `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr error;
events {}
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  ssl_certificate ${certificate.cert};
  ssl_certificate_key ${certificate.key};
  server { listen 127.0.0.1:${NGINX_PORT}; listen 127.0.0.1:${NGINX_TLS_PORT} ssl; root ${folder}; }
}
`,
  );
  const nginx = new Program(["-p", folder, "-c", conf, "-e", "stderr"], "nginx");
  await nginx.answers(`http://127.0.0.1:${NGINX_PORT}/nginx.conf`);
  return nginx;
}
