import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../../src/cli/run.ts";
import { makeKeyFiles } from "../../artifact/keys.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { theirs } from "./run-tools.ts";

const PIN = "2468";
const dir = mkdtempSync(join(tmpdir(), "switchback-token-"));
afterAll(() => rmSync(dir, { recursive: true }));
const at = (name: string): string => join(dir, name);
const keys = { rsa: makeKeyFiles(dir, "rsa"), ec: makeKeyFiles(dir, "ec") };
const env = { ...process.env, SOFTHSM2_CONF: at("softhsm2.conf") };

beforeAll(() => {
  mkdirSync(at("tokens"));
  writeFileSync(at("softhsm2.conf"), `directories.tokendir = ${at("tokens")}\n`);
  writeFileSync(at("pin"), PIN);
  writeFileSync(at("image"), "content ".repeat(64));
  process.env["SOFTHSM2_CONF"] = env.SOFTHSM2_CONF;
  execFileSync("softhsm2-util", ["--init-token", "--free", "--label", "release", "--so-pin", "1357", "--pin", PIN]);
  for (const [id, [label, { privateKey }]] of Object.entries(keys).entries()) {
    writeFileSync(at("pkcs8.pem"), privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    const place = ["--token", "release", "--pin", PIN, "--label", label, "--id", `0${id + 1}`];
    execFileSync("softhsm2-util", ["--import", at("pkcs8.pem"), ...place]);
  }
});

const uri = (label: string, secret = `pin-value=${PIN}`): string => `pkcs11:token=release;object=${label};${secret}`;
const tool = async (...args: readonly string[]): Promise<RecordingIo> => {
  const io = new RecordingIo(false, env);
  await run("switchback", ["artifact", ...args], io);
  return io;
};
const WRITE = ["write", "rootfs-image", "-t", "a", "-n", "release-1", "-f", at("image"), "-o", at("signed.mender")];
const good = async (...args: readonly string[]): Promise<void> => {
  const io = await tool(...args);
  expect({ args, exitCode: io.exitCode, errors: io.errLines }).toEqual({ args, exitCode: 0, errors: [] });
};

for (const kind of ["rsa", "ec"] as const)
  test(`a signature by the ${kind} key in a token fits the public key, here and for the real tool`, async () => {
    const signed = at("signed.mender");
    await good(...WRITE.slice(0, -1), at("plain.mender"));
    for (const command of [
      [...WRITE, "--key-pkcs11", uri(kind)],
      [...WRITE, "-k", uri(kind, `pin-source=file:${at("pin")}`)],
      ["sign", "--key-pkcs11", uri(kind), "-o", signed, at("plain.mender")],
    ]) {
      rmSync(signed, { force: true });
      await good(...command);
      await good("validate", "-k", keys[kind].publicPath, signed);
      theirs("validate", "-k", keys[kind].publicPath, signed);
      expect(theirs("read", "-k", keys[kind].publicPath, signed)).toContain(
        "  Signature: signed and verified correctly",
      );
    }
  });

for (const kind of ["rsa", "ec"] as const)
  test(`validate and read take the ${kind} key in a token, without a PIN, also for what the real tool has signed`, async () => {
    const signed = at("theirs.mender");
    theirs("write", "rootfs-image", "-t", "a", "-n", "release-1", "-f", at("image"), "-o", signed, "--no-progress");
    theirs("sign", "--key-pkcs11", uri(kind), signed);
    theirs("validate", "--key-pkcs11", uri(kind), signed);
    await good("validate", "--key-pkcs11", `pkcs11:token=release;object=${kind}`, signed);
    await good("validate", "-k", `pkcs11:token=release;object=${kind}`, signed);
    const read = await tool("read", "--key-pkcs11", uri(kind), signed);
    expect(read.outLines).toContain("  Signature: signed and verified correctly");
    expect(read.outLines).toContain(`  Verified with: ${uri(kind, "pin-value=***")}`);
    const other = uri(kind === "rsa" ? "ec" : "rsa");
    expect((await tool("validate", "--key-pkcs11", other, signed)).errLines.join()).toContain("ARTIFACT_SIGNATURE");
  });

test("the real tool verifies with the token what the RSA key in it has signed here", async () => {
  await good(...WRITE, "--key-pkcs11", uri("rsa"));
  theirs("validate", "--key-pkcs11", uri("rsa"), at("signed.mender"));
});

test("the token of the manual signs and verifies, with a PIN from a person", () => {
  const name = "pkcs11:token=release;object=ec";
  writeFileSync(at("plain"), "content ".repeat(64));
  const program = `node ${join(process.cwd(), "dist/switchback.mjs")} artifact`;
  const write = `${program} write rootfs-image -t a -n release-1 -f ${at("plain")} -o ${at("asked.mender")}`;
  const line = `${write} && ${program} sign --key-pkcs11 '${name}' ${at("asked.mender")} &&
    ${program} validate --key-pkcs11 '${name}' ${at("asked.mender")}`;
  const { status, stdout } = spawnSync("script", ["-qec", line, "/dev/null"], { encoding: "utf8", input: `${PIN}\n` });
  expect(stdout).toMatch(/Enter PKCS#11 token PIN for release:.*validated successfully/s);
  expect(status).toBe(0);
});

test("a key of a token checks what a command of the user's signs", async () => {
  const command = `openssl dgst -sha256 -sign ${keys.ec.privatePath} "$SWITCHBACK_SIGN_MANIFEST"`;
  await good(...WRITE, "--signer", command, "-k", uri("ec"));
  expect((await tool(...WRITE, "--signer", command, "-k", uri("rsa"))).errLines.join()).toContain("SIGNER_OUTPUT");
});

for (const [what, key, reason] of [
  ["no such key", uri("nothing"), /TOKEN_KEY: .*uri=.*object=nothing.*reason=.*not found/],
  ["a wrong PIN", uri("rsa", "pin-value=1"), /TOKEN_KEY: .*reason=Login failed/],
  ["no PIN and no terminal", uri("rsa", ""), /TOKEN_KEY: /],
  ["no such token", "pkcs11:token=other;object=rsa", /TOKEN_KEY: /],
  ["no URI", "rsa", /OPTION_INVALID: .*it must begin with pkcs11:/],
] as const)
  test(`${what} is one error that shows no PIN, and no file is written`, async () => {
    rmSync(at("signed.mender"), { force: true });
    const io = await tool(...WRITE, "--key-pkcs11", key);
    expect([io.exitCode, io.errLines.length]).toEqual([1, 1]);
    expect(io.errLines[0]).toMatch(reason);
    expect(io.errLines[0]).not.toMatch(/pin-value=[^*]|2468/);
    expect(() => readFileSync(at("signed.mender"))).toThrow("ENOENT");
  });
