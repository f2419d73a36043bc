import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../../adapters/clock/system-clock.ts";
import { addressesOf } from "../../../adapters/transport/dial.ts";
import { RequestTimeout } from "../../../adapters/transport/request-timeout.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import { selfSigned } from "../../support/self-signed.ts";
import { client, never, Servers, text } from "./transport-rig.ts";

const servers = new Servers();
const children: ChildProcess[] = [];
afterEach(async () => {
  await servers.close();
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/**
 * A server at 127.0.0.2 whose queue of connections is full, so the kernel drops each SYN and the handshake waits. After
 * a line on its input, the server accepts the waiting connections and answers everything.
 */
const SILENT = `
use Socket;
socket(my $s, PF_INET, SOCK_STREAM, 0) or die; setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
bind($s, sockaddr_in($ARGV[0], inet_aton("127.0.0.2"))) or die "bind: $!"; listen($s, 0) or die;
socket(my $c, PF_INET, SOCK_STREAM, 0) or die; connect($c, sockaddr_in($ARGV[0], inet_aton("127.0.0.2"))) or die;
$| = 1; print "full\n"; <STDIN>;
accept(my $first, $s);
while (accept(my $k, $s)) { sysread $k, my $head, 65536; syswrite $k, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow"; close $k }
`;

async function silent(port: number): Promise<ChildProcess> {
  const child = spawn("perl", ["-e", SILENT, String(port)], { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  await once(child.stdout, "data");
  return child;
}

const ask = async (url: string, addresses: readonly string[], clock?: Clock, tls = {}): Promise<string> => {
  const transport = client({ lookup: async () => addresses, tls, ...(clock && { clock }) });
  return text(await transport.send({ method: "GET", url: url.replace("127.0.0.1", "server.test") }, never));
};

const portOf = (url: string): number => Number(new URL(url).port);

test("an address that does not answer costs a moment, and the next one is asked beside it", async () => {
  for (const secure of [false, true]) {
    const hello = (_: unknown, response: { end(text: string): unknown }) => void response.end("hello");
    const url = secure ? await servers.https(selfSigned(), hello) : await servers.http(hello);
    await silent(portOf(url));
    expect(await ask(url, ["127.0.0.2", "127.0.0.1"], undefined, { skipVerify: true })).toBe("hello");
  }
});

test("a slow handshake is not cut off because the other family has no way to the server", async () => {
  const url = await servers.http((_, response) => void response.end("not asked"));
  await servers.close();
  const child = await silent(portOf(url));
  let timers = 0;
  const clock: Clock = {
    ...systemClock,
    startTimer(ms, call) {
      timers += 1;
      // The server answers only after the client has tried everything else.
      if (timers === 3) setTimeout(() => child.stdin?.write("\n"), 600);
      return systemClock.startTimer(ms, call);
    },
  };
  expect(await ask(url, ["127.0.0.2", "::1"], clock)).toBe("slow");
});

test("if no address answers, the error lists the reason of each", async () => {
  const failure = await ask("http://127.0.0.1:1/", ["127.0.0.1", "::1", "127.0.0.3"]).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "TRANSPORT_FAILED", cause: { message: expect.any(String) } });
  const { message } = (failure as { cause: Error }).cause;
  for (const address of ["127.0.0.1:1", "::1:1", "127.0.0.3:1"]) expect(message).toContain(address);
});

test("an attempt has an end of its own", async () => {
  const url = await servers.http((_, response) => void response.end("not asked"));
  await servers.close();
  await silent(portOf(url));
  const clock: Clock = {
    ...systemClock,
    startTimer: (ms, call) => systemClock.startTimer(ms === 30_000 ? 400 : ms, call),
  };
  await expect(ask(url, ["127.0.0.2", "127.0.0.1"], clock)).rejects.toMatchObject({
    cause: { message: expect.stringMatching(/ECONNREFUSED 127.0.0.1:\d+; connect ETIMEDOUT 127.0.0.2/) },
  });
});

test("an abort ends every attempt with the signal's reason", async () => {
  const url = await servers.http((_, response) => void response.end("not asked"));
  await servers.close();
  await silent(portOf(url));
  const controller = new AbortController();
  const reason = new Error("stop");
  const transport = client({ lookup: async () => ["127.0.0.2", "127.0.0.2"] });
  const asked = transport.send({ method: "GET", url: `http://server.test:${portOf(url)}/` }, controller.signal);
  setTimeout(() => controller.abort(reason), 50);
  await expect(asked).rejects.toBe(reason);
});

test("the address families alternate, beginning with the one that the system prefers", async () => {
  const found = ["::1", "::2", "::3", "1.1.1.1", "2.2.2.2"];
  const timeout = new RequestTimeout(never);
  expect(await addressesOf("server.test", async () => found, timeout)).toEqual([
    ...["::1", "1.1.1.1", "::2", "2.2.2.2", "::3"],
  ]);
});
