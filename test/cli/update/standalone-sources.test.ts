import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { FileServer } from "../../support/file-server.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { selfSigned } from "../../support/self-signed.ts";
import { type CliResult, cli, codesOf, INSTALLED, TestBoard } from "../../support/test-board.ts";

let board: TestBoard;
let bytes: Buffer;
const servers: Server[] = [];

beforeEach(async () => {
  board = await TestBoard.make();
  bytes = await readFile(await board.release("v2"));
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await board.remove();
});

async function serve(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}/v2.mender`;
}

const http = async (listener: RequestListener): Promise<string> => `http://${await serve(createServer(listener))}`;

/** Checks that the command failed with `code`, and that the board boots the same system as before. */
async function expectRefused(result: CliResult, code: string): Promise<void> {
  expect([result.exitCode, codesOf(result)], result.err.join("\n")).toEqual([1, [code]]);
  expect(await board.env()).toMatchObject({ mender_boot_part: "2", upgrade_available: "0" });
  expect(await board.pending()).toBeUndefined();
  expect((await board.boot()).outcome).toEqual({ kind: "up", slot: "A" });
}

test("an Artifact comes from an http address, after a redirect, too", async () => {
  const url = await http((request, response) => {
    if (request.url === "/v2.mender") response.writeHead(302, { location: "/really" }).end();
    else response.writeHead(200, { "content-length": bytes.length }).end(bytes);
  });
  expect(await board.agent("install", url)).toMatchObject({ exitCode: 0, out: INSTALLED, err: [] });
  expect(await board.pending()).toBe("@commit");
});

test("an Artifact comes from a named pipe", async () => {
  const pipe = board.file("pipe");
  execFileSync("mkfifo", [pipe]);
  const [installed] = await Promise.all([board.agent("install", pipe), writeFile(pipe, bytes)]);
  expect(installed).toMatchObject({ exitCode: 0, out: INSTALLED, err: [] });
  const read = board.agent("artifact", "read", pipe);
  expect((await Promise.all([read, writeFile(pipe, bytes)]))[0]).toMatchObject({ exitCode: 0, err: [] });
});

test("an Artifact is neither signed from a named pipe nor written from one, whose reading would not end", async () => {
  const pipe = board.file("pipe");
  execFileSync("mkfifo", [pipe]);
  const { privateKey } = generateKeyPairSync("ed25519");
  await writeFile(board.file("key"), privateKey.export({ type: "pkcs8", format: "pem" }));
  const sign = await board.agent("artifact", "sign", "-k", board.file("key"), "-o", board.file("x"), pipe);
  expect([sign.exitCode, codesOf(sign)]).toEqual([1, ["ARTIFACT_READ"]]);
  const write = ["artifact", "write", "module-image", "-T", "t", "-t", "t", "-n", "n", "-o", board.file("x")];
  expect(codesOf(await board.agent(...write, "-f", pipe))).toEqual(["PAYLOAD_UNREADABLE"]);
  expect(codesOf(await board.agent("state-scripts", "check", pipe))).toEqual(["SCRIPT_FOLDER"]);
  const written = board.agent(...write, "-m", pipe);
  expect((await Promise.all([written, writeFile(pipe, '{"a": 1}')]))[0]).toMatchObject({ exitCode: 0, err: [] });
});

test("an answer without a length is taken as well", async () => {
  const url = await http((_, response) => void response.writeHead(200).end(bytes));
  expect(await board.agent("install", url)).toMatchObject({ exitCode: 0, out: INSTALLED });
});

for (const status of [204, 404, 500]) {
  test(`status ${status} of a server is named, and nothing is installed`, async () => {
    await resumeAtOnce(1);
    const result = await board.agent("install", await http((_, response) => void response.writeHead(status).end()));
    expect(result.err[0]).toContain(`status=${status}`);
    await expectRefused(result, "SOURCE_STATUS");
  });
}

for (const part of [0.01, 0.5, 0.99]) {
  test(`a transfer that is cut off after ${part * 100} %, again and again, never arms the slot`, async () => {
    await resumeAtOnce(2);
    const url = await http((_, response) => {
      response.writeHead(200, { "content-length": bytes.length });
      response.write(bytes.subarray(0, Math.floor(bytes.length * part)), () => response.destroy());
    });
    await expectRefused(await board.agent("install", url), "DOWNLOAD_BROKEN");
  });
}

test("a broken transfer resumes where it stopped, and no byte is fetched twice", async () => {
  await resumeAtOnce(3);
  const server = await FileServer.start(bytes);
  try {
    server.breaks.push(1_000, 50_000, 7);
    expect(await board.agent("install", server.url)).toMatchObject({ exitCode: 0, out: INSTALLED, err: [] });
    expect([server.served.length, server.servedBytes]).toEqual([4, bytes.length]);
  } finally {
    await server.close();
  }
});

/** Lets the agent resume an interrupted download this number of times, without a wait. */
async function resumeAtOnce(times: number): Promise<void> {
  const keys = { RetryDownloadCount: times, Switchback: { DownloadRetryWaitSeconds: 0 } };
  await writeFile(board.path("data/mender.conf"), JSON.stringify(keys));
}

test("a body that ends too early without any error of the transfer is found by the Artifact's own end", async () => {
  const url = await http((_, response) => void response.end(bytes.subarray(0, bytes.length - 700)));
  await expectRefused(await board.agent("install", url), "ARTIFACT_TRUNCATED");
});

for (const url of ["s3://key:secret@bucket/v2.mender?secret", "ftp://user:secret@host/v2.mender"]) {
  test(`${url} is refused, and its secret is not printed`, async () => {
    const result = await board.agent("install", url);
    await expectRefused(result, "SOURCE_OPEN");
    expect(result.err.join() + result.out.join()).not.toContain("secret");
  });
}

test("an address without a listener is a failed transfer", async () => {
  await resumeAtOnce(1);
  await expectRefused(await board.agent("install", "http://127.0.0.1:1/v2.mender"), "TRANSPORT_FAILED");
});

test("a server that only itself vouches for is refused, unless its certificate is trusted or checks are off", async () => {
  await resumeAtOnce(1);
  const { key, cert } = selfSigned();
  const server = createSecureServer({ key, cert }, (_, response) => void response.end(bytes));
  const url = `https://${await serve(server)}`;
  await expectRefused(await board.agent("install", url), "TRANSPORT_FAILED");
  await writeFile(board.file("server.pem"), cert);
  for (const options of [
    ["--trusted-certs", board.file("server.pem")],
    ["-E", board.file("server.pem")],
    ["--skipverify"],
  ]) {
    expect(await board.agent(...options, "install", url), options.join(" ")).toMatchObject({ exitCode: 0, err: [] });
    expect((await board.agent("rollback")).exitCode).toBe(0);
  }
  await writeFile(board.file("other.pem"), selfSigned().cert);
  const other = await board.agent("--trusted-certs", board.file("other.pem"), "install", url);
  await expectRefused(other, "TRANSPORT_FAILED");
});

test("an interruption in the middle of a transfer ends the command, and the next 'install' clears up by itself", async () => {
  const io = new RecordingIo();
  const url = await http((_, response) => {
    response.writeHead(200, { "content-length": bytes.length });
    response.write(bytes.subarray(0, 60_000));
    setTimeout(() => io.interrupt.abort(new AgentError("CANCELLED", { signal: "SIGTERM" })), 200);
  });
  const result = await cli("switchback", [...board.options, "install", url], io);
  expect([result.exitCode, codesOf(result)]).toEqual([1, ["CANCELLED"]]);
  expect(await board.pending()).toBe("download");
  expect(await board.env()).toMatchObject({ mender_boot_part: "2", upgrade_available: "0" });
  expect(await board.agent("install", board.file("v2.mender"))).toMatchObject({ exitCode: 0, out: INSTALLED, err: [] });
});

test("an update that was interrupted is undone by 'resume'", async () => {
  const io = new RecordingIo();
  const url = await http((_, response) => {
    response.writeHead(200, { "content-length": bytes.length });
    response.write(bytes.subarray(0, 60_000));
    setTimeout(() => io.interrupt.abort(new AgentError("CANCELLED", { signal: "SIGINT" })), 200);
  });
  expect((await cli("switchback", [...board.options, "install", url], io)).exitCode).toBe(1);
  expect(await board.agent("resume")).toMatchObject({ exitCode: 0, out: ["Cleaned up."], err: [] });
  expect(await board.agent("resume")).toMatchObject({ exitCode: 2 });
});
