import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { json as jsonAnswer, refusal, token } from "../../support/answers.ts";
import { BuiltProgram, startProgram } from "../../support/built-program.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";
import { selfSigned } from "../../support/self-signed.ts";
import { type CliResult, cli, codesOf } from "../../support/test-board.ts";

let folder: string;
let main: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-setup-"));
  main = join(folder, "etc/mender.conf");
});
afterEach(() => rm(folder, { recursive: true }));

const setup = (argv: readonly string[], io = new RecordingIo(), name = "switchback"): Promise<CliResult> =>
  cli(name, ["-c", main, "-d", join(folder, "data"), "setup", ...argv], io);
const json = async (path: string): Promise<unknown> => JSON.parse(await readFile(path, "utf8"));
const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);
const NEEDED = ["--quiet", "--device-type", "board-a", "--server-url", "https://ota.example.com"];

/** A certificate outside of what setup writes. */
async function withCertificate(work: (path: string) => Promise<void>): Promise<void> {
  const other = await mkdtemp(join(tmpdir(), "switchback-certificate-"));
  try {
    await writeFile(join(other, "ca.pem"), selfSigned().cert);
    await work(join(other, "ca.pem"));
  } finally {
    await rm(other, { recursive: true });
  }
}

test("options alone are enough; files that are not for everybody's eyes are written whole", async () => {
  await withCertificate(async (ca) => {
    const written = await setup([...NEEDED, "--tenant-token", "tt", "--server-cert", ca, "--update-poll", "60"]);
    expect(written).toMatchObject({ exitCode: 0, out: [`Wrote ${main}: board-a, https://ota.example.com.`], err: [] });
    expect(await json(main)).toEqual({
      ServerURL: "https://ota.example.com",
      TenantToken: "tt",
      ServerCertificate: ca,
      UpdatePollIntervalSeconds: 60,
    });
    const type = join(folder, "data/device_type");
    expect(await readFile(type, "utf8")).toBe("device_type=board-a\n");
    expect([await modeOf(main), await modeOf(type)]).toEqual(["600", "444"]);
    expect(await readdir(join(folder, "data"))).toEqual(["device_type"]);
  });
});

test("slots go into the fallback file, which an update of the root filesystem does not replace", async () => {
  await setup([...NEEDED, "--rootfs-part-a", "/dev/a", "--rootfs-part-b", "/dev/b"]);
  const fallback = join(folder, "data/mender.conf");
  expect(await json(fallback)).toEqual({ RootfsPartA: "/dev/a", RootfsPartB: "/dev/b" });
  expect(await modeOf(fallback)).toBe("600");
});

test("foreign keys stay, and each key is set once, whatever its case", async () => {
  await mkdir(join(folder, "etc"));
  const before = { serverurl: "https://old", Servers: [{ ServerURL: "https://x" }], ShellCommand: "/bin/sh" };
  await writeFile(main, JSON.stringify({ ...before, updatepollintervalseconds: 1 }));
  await setup([...NEEDED, "--demo-polling", "--retry-poll", "7"]);
  expect(await json(main)).toEqual({
    ShellCommand: "/bin/sh",
    ServerURL: "https://ota.example.com",
    UpdatePollIntervalSeconds: 5,
    InventoryPollIntervalSeconds: 5,
    RetryPollIntervalSeconds: 7,
  });
});

test("on a terminal it asks for what no option says, and offers what it knows", async () => {
  const first = new RecordingIo();
  first.answers = ["board-b", "https://one.example"];
  await setup([], first);
  const second = new RecordingIo();
  second.answers = ["", "https://two.example"];
  expect((await setup([], second, "mender-setup")).exitCode).toBe(0);
  expect([first.asked, second.asked]).toEqual([
    ["Device type: ", "Address of the server: "],
    ["Device type [board-b]: ", "Address of the server [https://one.example]: "],
  ]);
  expect(await json(main)).toEqual({ ServerURL: "https://two.example" });
});

test.each([
  ["no device type", ["--server-url", "https://x.example"], "CLI_USAGE"],
  ["no server", ["--device-type", "board-a"], "CLI_USAGE"],
  ["a device type with a blank", ["--device-type", "a b", "--url", "https://x.example"], "CLI_USAGE"],
  ["an interval that is none", [...NEEDED, "--update-poll", "0"], "CLI_USAGE"],
  ["an address that is none", ["--device-type", "a", "--url", "x.example"], "CONFIG_INVALID"],
  ["plain http to elsewhere", ["--device-type", "a", "--url", "http://x.example"], "SERVER_PLAIN_HTTP"],
  ["a server's address that is a name", [...NEEDED, "--server-ip", "ota"], "CLI_USAGE"],
  ["an address for hosted Mender", ["--device-type", "a", "--hosted-mender", "--server-ip", "10.0.0.1"], "CLI_USAGE"],
  ["a certificate that is not there", [...NEEDED, "--server-cert", "/nowhere/ca.pem"], "CLI_USAGE"],
  ["a certificate that is none", [...NEEDED, "--server-cert", import.meta.filename], "CLI_USAGE"],
  ["a folder for a certificate", [...NEEDED, "-E", import.meta.dirname], "CLI_USAGE"],
  ["a user without a password", [...NEEDED, "--username", "me@example.com"], "CLI_USAGE"],
  ["a password of nobody", [...NEEDED, "--password", "secret"], "CLI_USAGE"],
])("%s is refused and nothing is written", async (_what, argv, code) => {
  const refused = await setup(argv);
  expect([refused.exitCode, codesOf(refused)]).toEqual([1, [code]]);
  expect(await readdir(folder)).toEqual([]);
});

const LOGIN = "/api/management/v1/useradm/auth/login";
const TENANT = "/api/management/v1/tenantadm/user/tenant";
const USER = ["--username", "me@example.com", "--password", "s:cret"];

async function withServer(work: (server: ScriptedServer, argv: readonly string[]) => Promise<void>): Promise<void> {
  const server = await ScriptedServer.start();
  server.answer(LOGIN, token("user-token\n")).answer(TENANT, jsonAnswer(200, { tenant_token: "tt", name: "us" }));
  try {
    await work(server, ["--device-type", "board-a", "--url", `${server.url}/`]);
  } finally {
    await server.close();
  }
}

test("a user's login fetches the tenant token, and leaves nothing else behind", async () => {
  await withServer(async (server, argv) => {
    const written = await setup(["--quiet", ...argv, ...USER]);
    expect(written).toMatchObject({ exitCode: 0, err: [], log: [] });
    expect(await json(main)).toEqual({ ServerURL: `${server.url}/`, TenantToken: "tt" });
    expect(server.requests.map(({ method, path, headers }) => [method, path, headers.authorization])).toEqual([
      ["POST", LOGIN, `Basic ${Buffer.from("me@example.com:s:cret").toString("base64")}`],
      ["GET", TENANT, "Bearer user-token"],
    ]);
  });
});

test("a password is asked for as a secret, and a token that is given needs no login", async () => {
  await withServer(async (server, argv) => {
    const io = new RecordingIo();
    io.answers = ["s:cret"];
    expect((await setup([...argv, "--username", "me@example.com"], io)).exitCode).toBe(0);
    expect(io.asked).toEqual(["Password: (secret)"]);
    await setup([...argv, ...USER, "--tenant-token", "own"]);
    expect(await json(main)).toMatchObject({ TenantToken: "own" });
    expect(server.of(LOGIN).length).toBe(1);
  });
});

test("a server without tenants needs no token", async () => {
  await withServer(async (server, argv) => {
    server.answer(TENANT, refusal(404));
    expect((await setup(["--quiet", ...argv, ...USER])).exitCode).toBe(0);
    expect(await json(main)).toEqual({ ServerURL: `${server.url}/` });
  });
});

for (const [what, route, answer, code] of [
  ["a login that is refused", LOGIN, refusal(401), "SETUP_LOGIN"],
  ["a server in trouble", LOGIN, refusal(503), "SERVER_STATUS"],
  ["an answer that is none", TENANT, jsonAnswer(200, ["tt"]), "SERVER_ANSWER"],
] as const) {
  test(`${what} is reported, and nothing is written`, async () => {
    await withServer(async (server, argv) => {
      server.answer(route, answer);
      const refused = await setup(["--quiet", ...argv, ...USER]);
      expect([refused.exitCode, codesOf(refused)]).toEqual([1, [code]]);
      expect(refused.err.join("")).not.toContain("s:cret");
      expect(await readdir(folder)).toEqual([]);
    });
  });
}

test("a demonstration server gets its certificate, its intervals and its address", async () => {
  const hosts = join(folder, "hosts");
  await writeFile(hosts, "127.0.0.1 localhost");
  const argv = ["--quiet", "--device-type", "board-a", "--demo", "--hosts-file", hosts, "--server-ip"];
  for (let time = 0; time < 2; time++) {
    expect((await setup([...argv, "10.0.0.1"])).exitCode).toBe(0);
    expect(await readFile(hosts, "utf8")).toBe("127.0.0.1 localhost\n10.0.0.1 docker.mender.io s3.docker.mender.io\n");
  }
  expect(await json(main)).toEqual({
    ServerURL: "https://docker.mender.io",
    ServerCertificate: "/usr/share/doc/mender-client/examples/demo.crt",
    UpdatePollIntervalSeconds: 5,
    InventoryPollIntervalSeconds: 5,
    RetryPollIntervalSeconds: 30,
  });
  const before = await readFile(main, "utf8");
  expect(codesOf(await setup([...argv, "10.0.0.2", "--update-poll", "9"]))).toEqual(["CONFIG_INVALID"]);
  expect(await readFile(main, "utf8")).toBe(before);
});

test("an address goes with any server, and a demonstration server's certificate may be one's own", async () => {
  const hosts = join(folder, "hosts");
  await setup([...NEEDED, "--server-ip", "10.0.0.1", "--hosts-file", hosts]);
  expect(await readFile(hosts, "utf8")).toBe("10.0.0.1 ota.example.com s3.ota.example.com\n");
  expect(await json(main)).toEqual({ ServerURL: "https://ota.example.com" });
  await withCertificate(async (own) => {
    await setup(["--quiet", "--device-type", "a", "--demo-server", "--server-cert", own]);
    expect(await json(main)).toEqual({ ServerURL: "https://docker.mender.io", ServerCertificate: own });
  });
});

for (const [what, before] of [
  ["ServerURL", { serverurl: "https://own.example", ServerCertificate: "/etc/own.crt" }],
  ["Servers", { Servers: [{ ServerURL: "https://own.example" }, { ServerURL: "https://spare.example" }] }],
] as const) {
  test(`an address goes with the ${what} that is there, which stays`, async () => {
    const hosts = join(folder, "hosts");
    await mkdir(join(folder, "etc"));
    await writeFile(main, JSON.stringify(before));
    const written = await setup(["--quiet", "--device-type", "a", "--server-ip", "10.0.0.1", "--hosts-file", hosts]);
    expect(written.out).toEqual([`Wrote ${main}: a, https://own.example.`]);
    expect(await json(main)).toEqual(before);
    expect(await readFile(hosts, "utf8")).toBe("10.0.0.1 own.example s3.own.example\n");
    await setup(["--quiet", "--device-type", "a", "--demo-server"]);
    expect(await json(main)).toMatchObject({ ServerURL: "https://docker.mender.io" });
  });
}

test("on a real terminal the password is not shown", async () => {
  const program = await BuiltProgram.build();
  await withServer(async (server, argv) => {
    const command = [process.execPath, program.path, "-c", main, "-d", join(folder, "data"), "setup", ...argv];
    const typing = startProgram("script", ["-qec", [...command, "--username", "me"].join(" "), "/dev/null"]);
    let shown = "";
    typing.child.stdout?.on("data", (chunk: Buffer) => {
      if (!shown.includes("Password:") && `${shown}${chunk}`.includes("Password:"))
        typing.child.stdin?.write("s:cret\r");
      shown += chunk;
    });
    const { exitCode, out } = await typing.ended;
    expect([exitCode, out.at(-1)?.trim()]).toEqual([0, `Wrote ${main}: board-a, ${server.url}/.`]);
    expect(server.of(LOGIN)[0]?.headers.authorization).toBe(`Basic ${Buffer.from("me:s:cret").toString("base64")}`);
    expect(out.join("\n")).not.toContain("s:cret");
  });
});

test("a configuration that cannot be read is not replaced", async () => {
  await mkdir(join(folder, "etc"));
  await writeFile(main, "{ broken");
  expect(codesOf(await setup(NEEDED))).toEqual(["CONFIG_INVALID"]);
  expect(await readFile(main, "utf8")).toBe("{ broken");
});

test("a folder that cannot be made is said to be the reason", async () => {
  await writeFile(join(folder, "data"), "no folder");
  expect(codesOf(await setup([...NEEDED, "--rootfs-part-a", "/dev/a"]))).toEqual(["CONFIG_INVALID"]);
  await rm(join(folder, "data"));
  // The kernel refuses to create a folder there, with ENOENT.
  main = "/proc/missing/mender.conf";
  expect(codesOf(await setup(NEEDED))).toEqual(["SETUP_WRITE"]);
});
