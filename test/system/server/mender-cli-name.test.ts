import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommandLine } from "../../../fleet/cli/command-line.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { ARTIFACTS, makeArtifact } from "../../support/server/artifacts.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";

/** What mender-cli prints first if it has no configuration file. Ours has none. */
const NO_FILE = "Configuration file not found. Continuing.\n";

let server: TestServer;
let home: string;
beforeAll(async () => {
  server = await startTestServer();
  home = await mkdtemp(join(tmpdir(), "mender-cli-name-"));
  for (const [name, metaData] of [
    ["first", { text: "a b", number: 7, nested: { list: [1, "x", null, true], empty: {} } }],
    ["second", undefined],
  ] as const)
    await writeFile(
      join(home, `${name}.mender`),
      await makeArtifact({ name, deviceTypes: ["board-a", "board-b"], ...(metaData !== undefined && { metaData }) }),
    );
  for (const identity_data of [
    { mac: "26:19:a3:34:8a:81", sn: "0017", sku: "k-9" },
    { serial: "none of these", nested: "x" },
  ]) {
    const { publicKey } = generateKeyPairSync("ed25519");
    const pubkey = publicKey.export({ type: "spki", format: "pem" });
    await server.request("POST", "/api/management/v2/devauth/devices", { identity_data, pubkey });
  }
});
afterAll(async () => {
  await server.close();
  await rm(home, { recursive: true });
});

interface Ended {
  readonly status: number | string;
  readonly out: string;
  readonly err: string;
}

/** Debian's `mender-cli`. */
function real(...words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { PATH: process.env["PATH"], HOME: home };
    const args = ["--server", server.url, ...words];
    execFile("mender-cli", args, { env, cwd: home }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : (error.code ?? "killed"), out: stdout.replace(NO_FILE, ""), err: stderr }),
    );
  });
}

/** Ours, called by that name. */
async function ours(...words: readonly string[]): Promise<Ended> {
  const io = new RecordingIo(false, { HOME: home });
  await runCommandLine(["--server", server.url, ...words], io, "mender-cli");
  const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");
  return { status: io.exitCode, out: text(io.outLines), err: text(io.errLines) };
}

const LOGIN = ["login", "--username", "admin@example.com", "--password"];

test("without a login, and with a wrong password, both fail alike", async () => {
  for (const words of [
    ["artifacts", "list"],
    [...LOGIN, "wrong"],
  ]) {
    const [theirs, own] = [await real(...words), await ours(...words)];
    expect([own.status, own.out]).toEqual([theirs.status, theirs.out]);
    expect([theirs.err, own.err]).toEqual([expect.stringMatching(/^FAILURE: /), expect.stringMatching(/^FAILURE: /)]);
  }
});

test("each command prints the same as that of mender-cli 1.9", async () => {
  expect(await ours(...LOGIN, "correct horse battery")).toEqual(await real(...LOGIN, "correct horse battery"));
  const upload = ["artifacts", "upload", "--description", "by hand", "--no-progress"];
  expect((await real(...upload, join(home, "first.mender"))).status).toBe(0);
  const added = await ours(...upload, join(home, "second.mender"));
  expect([added.status, added.out]).toEqual([0, "upload successful\n"]);
  for (const what of ["artifacts", "devices"])
    for (const words of [[], ["--detail", "0"], ["-d", "1"], ["-d", "2"], ["--detail", "3"]]) {
      const theirs = await real(what, "list", ...words);
      expect(theirs.out.length).toBeGreaterThan(100);
      expect(await ours(what, "list", ...words), `${what} list ${words.join(" ")}`).toEqual(theirs);
    }
  const raw = [await real("devices", "list", "--raw"), await ours("devices", "list", "-r")];
  expect(raw.map(({ status, out }) => [status, out])).toEqual([
    [0, ""],
    [0, ""],
  ]);
  expect(JSON.parse(raw[1]?.err ?? "")).toEqual(JSON.parse(raw[0]?.err ?? ""));
  const [one, two] = (await (await server.request("GET", ARTIFACTS)).json()) as [{ id: string }, { id: string }];
  expect(await ours("artifacts", "delete", one.id)).toEqual(await real("artifacts", "delete", two.id));
  for (const words of [
    ["artifacts", "delete", one.id],
    ["artifacts", "delete"],
    ["artifacts", "upload", "/no/such/file"],
    ["artifacts", "list", "--no-such-flag"],
    ["no-such-command"],
  ]) {
    const [theirs, own] = [await real(...words), await ours(...words)];
    expect([words, own.status, own.out]).toEqual([words, theirs.status, theirs.out]);
  }
});
