import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../../src/cli/run.ts";
import { makeKeyFiles } from "../../artifact/keys.ts";
import { RecordingIo } from "../../support/recording-io.ts";

const dir = mkdtempSync(join(tmpdir(), "switchback-signer-"));
afterAll(() => rmSync(dir, { recursive: true }));
const at = (name: string): string => join(dir, name);
const rsa = makeKeyFiles(dir, "rsa");
const ec = makeKeyFiles(dir, "ec");
const ed25519 = makeKeyFiles(dir, "ed25519");
const unsigned = at("unsigned.mender");
const output = at("signed.mender");

const artifact = async (...args: readonly string[]): Promise<RecordingIo> => {
  const io = new RecordingIo(false, { PATH: process.env["PATH"] });
  await run("switchback", ["artifact", ...args], io);
  return io;
};
const WRITE = ["write", "rootfs-image", "-t", "a", "-n", "release-1", "-f", at("image"), "-o", output];

beforeAll(async () => {
  writeFileSync(at("image"), "content ".repeat(64));
  mkdirSync(at("tmp"));
  process.env["TMPDIR"] = at("tmp");
  await artifact(...WRITE.slice(0, -1), unsigned);
});

/** `openssl pkeyutl` signs the digest that it reads: nothing else that the command gets. */
const signing = (key: string): string => `openssl pkeyutl -sign -inkey ${key} -pkeyopt digest:sha256`;
/** The two integers of the DER form, each in 32 bytes. */
const RAW = `perl -0777 -ne 'print map { substr("\\0" x 32 . $_, -32) } unpack("x3 C/a x C/a", $_)'`;
const signatureIn = (path: string): Buffer =>
  Buffer.from(spawnSync("tar", ["-xOf", path, "manifest.sig"], { encoding: "utf8" }).stdout, "base64");

for (const [what, command, key, bytes] of [
  ["RSA", signing(rsa.privatePath), rsa.publicPath, 256],
  ["ECDSA in DER", signing(ec.privatePath), ec.publicPath, 64],
  ["ECDSA as r‖s in base64", `${signing(ec.privatePath)} | ${RAW} | base64`, ec.publicPath, 64],
  [
    "RSA of the manifest",
    `openssl dgst -sha256 -sign ${rsa.privatePath} "$SWITCHBACK_SIGN_MANIFEST"`,
    rsa.publicPath,
    256,
  ],
] as const)
  test(`write and sign take ${what} from a command, with and without the public key`, async () => {
    for (const args of [
      [...WRITE, "--signer", command],
      [...WRITE, "--signer", command, "-k", key],
      ["sign", "-o", output, "--signer", command, unsigned],
      ["sign", "-o", output, "--signer", command, "-k", key, unsigned],
    ]) {
      rmSync(output, { force: true });
      expect({ args, errors: (await artifact(...args)).errLines }).toEqual({ args, errors: [] });
      expect(signatureIn(output)).toHaveLength(bytes);
      expect((await artifact("validate", "-k", key, output)).exitCode).toBe(0);
    }
  });

test("a command signs for Ed25519, if it signs the manifest itself", async () => {
  const sign = `openssl pkeyutl -sign -rawin -inkey ${ed25519.privatePath} -in "$SWITCHBACK_SIGN_MANIFEST"`;
  const io = await artifact(...WRITE, "--signer", sign, "-k", ed25519.publicPath);
  expect([io.exitCode, io.errLines.length]).toEqual([0, 1]);
  expect(io.errLines[0]).toContain("no other Mender client verifies its signatures");
  expect((await artifact("validate", "-k", ed25519.publicPath, output)).exitCode).toBe(0);
});

test("the command runs once, with the digest, its environment and a folder that is gone afterwards", async () => {
  const command = `cat >${at("stdin")}; env | grep ^SWITCHBACK_SIGN_ | sort >${at("env")}; echo run >>${at("runs")}
    cp "$SWITCHBACK_SIGN_MANIFEST" ${at("manifest")}; : >"$SWITCHBACK_SIGN_FOLDER/own"; test -r /dev/stdin || exit 9
    ${signing(ec.privatePath)} <${at("stdin")}`;
  expect((await artifact(...WRITE, "--signer", command, "-k", ec.publicPath)).errLines).toEqual([]);
  const manifest = readFileSync(at("manifest"));
  expect(manifest).toEqual(spawnSync("tar", ["-xOf", output, "manifest"]).stdout);
  const sha256 = spawnSync("sha256sum", [at("manifest")], { encoding: "utf8" }).stdout.slice(0, 64);
  expect(readFileSync(at("stdin")).toString("hex")).toBe(sha256);
  expect(readFileSync(at("runs"), "utf8")).toBe("run\n");
  const environment = readFileSync(at("env"), "utf8").trim().split("\n");
  const folder = environment.find((line) => line.includes("FOLDER="))?.split("=")[1] ?? "";
  expect(environment).toEqual([
    "SWITCHBACK_SIGN_ALGORITHM=ecdsa-p256",
    `SWITCHBACK_SIGN_DIGEST=${sha256}`,
    `SWITCHBACK_SIGN_FOLDER=${folder}`,
    "SWITCHBACK_SIGN_HASH=sha256",
    `SWITCHBACK_SIGN_MANIFEST=${folder}/manifest`,
  ]);
  expect(existsSync(folder)).toBe(false);
});

for (const [what, args, line] of [
  ["fails", ["--signer", "echo no such key >&2; exit 7"], /SIGNER_FAILED: .*exit=7, stderr=no such key/],
  ["is killed", ["--signer", "kill -9 $$"], /SIGNER_FAILED: .*exit=SIGKILL/],
  ["does not exist", ["--signer", "/no/such/program"], /SIGNER_FAILED: .*exit=127/],
  ["prints nothing", ["--signer", "true"], /SIGNER_OUTPUT: .*reason=no output/],
  ["prints words", ["--signer", "echo not a signature!"], /SIGNER_OUTPUT: .*these 17 bytes are not/],
  ["prints without end", ["--signer", "yes"], /SIGNER_OUTPUT: .*reason=more than 65536 bytes/],
  ["hangs", ["--signer", "sleep 1000 & sleep 1000", "--signer-timeout", "0.2"], /SIGNER_TIMEOUT: .*timeoutMs=200/],
  [
    "has another key",
    ["--signer", signing(rsa.privatePath), "-k", at("other-public.pem")],
    /SIGNER_KEY: .*key=.*other/,
  ],
  ["has another algorithm", ["--signer", signing(rsa.privatePath), "-k", ec.publicPath], /SIGNER_OUTPUT: .*ecdsa-p256/],
  ["must fit a private key", ["--signer", "true", "-k", rsa.privatePath], /KEY_NOT_PUBLIC/],
  ["has a wrong limit", ["--signer", "true", "--signer-timeout", "soon"], /OPTION_INVALID: .*value=soon/],
  [
    "has a rival",
    ["--signer", "true", "--key-pkcs11", "pkcs11:object=a"],
    /OPTION_INVALID: .*--signer is given as well/,
  ],
] as const)
  test(`a command that ${what} is one clear error, and no file is written`, async () => {
    makeKeyFiles(dir, "rsa", "other");
    rmSync(output, { force: true });
    const before = readFileSync(unsigned);
    for (const command of [WRITE, ["sign", unsigned]]) {
      const io = await artifact(...command, ...args);
      expect(io.exitCode).toBe(1);
      expect(io.errLines.at(-1)).toMatch(line);
    }
    expect(existsSync(output)).toBe(false);
    expect(readFileSync(unsigned)).toEqual(before);
    expect(readdirSync(at("tmp"))).toEqual([]);
  });

test("an interrupt ends the command and everything that it started", async () => {
  const io = new RecordingIo(false, { PATH: process.env["PATH"] });
  const command = `sleep 1000 & echo $! >${at("pid")}; wait`;
  const ended = run("switchback", ["artifact", ...WRITE, "--signer", command], io);
  await expect.poll(() => existsSync(at("pid")) && readFileSync(at("pid"), "utf8").endsWith("\n")).toBe(true);
  const reason = new Error("interrupted");
  io.interrupt.abort(reason);
  await expect(ended).rejects.toBe(reason);
  const pid = Number(readFileSync(at("pid"), "utf8"));
  await expect
    .poll(() => existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z"))
    .toBe(false);
});
