/**
 * Shows the product's main job on a virtual board in under half a minute: an update that is kept, and one whose system
 * never comes up. Runs the built program, as a user would.
 */
import { spawn, spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { serveSlowly } from "./lib/slow-server.ts";

const PROGRAM = join("dist", "switchback.mjs");
const BYTES_PER_SECOND = 12 * 1024 * 1024;

if (!existsSync(PROGRAM)) await runOrFail("npm", ["run", "--silent", "build"]);

const dir = mkdtempSync(join(tmpdir(), "switchback-demo-"));
const file = (name: string): string => join(dir, name);
const board = file("board");
const agent = ["-c", join(board, "etc/mender.conf"), "-d", join(board, "data"), "-l", "warning"];

say("1. A board made of files: two slots, a boot environment, and a firmware that follows U-Boot's rule.");
await show(["board", "create", board]);
await show(["board", "boot", board]);

say("2. The next release: a system image, packed into a signed Artifact that any Mender device takes.");
const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
writeFileSync(file("private.pem"), keys.privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
writeFileSync(file("public.pem"), keys.publicKey.export({ type: "spki", format: "pem" }));
trust(file("public.pem"));
await release("v2", "yes");
await show(["artifact", "validate", file("v2.mender"), "-k", file("public.pem")]);

say("3. Install it over a network of 12 MB/s, straight into the slot that is not running; then reboot.");
const server = await serveSlowly(dir, BYTES_PER_SECOND);
await show([...agent, "install", `${server.url}/v2.mender`]);
await server.close();
await show(["board", "boot", board]);

say("4. The new system is up, on trial. Keep it.");
await show([...agent, "commit"]);
await show([...agent, "show-artifact"]);

say("5. A release that is complete and correctly signed, but whose system hangs when it starts.");
await release("v3", "hangs");
await show([...agent, "install", file("v3.mender")]);
await show(["board", "boot", board], 1);

say("6. Nobody can reach the board. Somebody switches it off and on again:");
await show(["board", "boot", board]);
await show([...agent, "commit"], 1);
await show([...agent, "show-artifact"]);

say("The board is back on v2, and says so. It stays here, to try things by hand:");
const program = relative(process.cwd(), PROGRAM);
for (const args of [
  ["board", "status", board],
  ["artifact", "read", file("v2.mender")],
  [...agent, "install", file("v2.mender")],
  ["board", "boot", board],
  [...agent, "rollback"],
  ["--help"],
]) {
  process.stdout.write(`  node ${program} ${args.join(" ")}\n`);
}

function say(text: string): void {
  process.stdout.write(`\n${text}\n\n`);
}

/** Prints the command and runs it. */
async function show(args: readonly string[], expected = 0): Promise<void> {
  const shown = args
    .map((arg) => arg.replaceAll(dir, "DEMO"))
    .join(" ")
    .replace(/-c \S+ -d \S+ -l warning /, "");
  process.stdout.write(`$ switchback ${shown}\n`);
  const status = await run(process.execPath, [PROGRAM, ...args]);
  if (status !== expected) fail(`that ended with exit status ${status}, and ${expected} was expected`);
}

async function release(version: string, boots: string): Promise<void> {
  await show(["board", "image", file(`${version}.img`), "--version", version, "--boots", boots]);
  const names = ["--artifact-name", version, "--device-type", "virtual-board"];
  const files = ["--file", file(`${version}.img`), "--output-path", file(`${version}.mender`)];
  await show([
    "artifact",
    "write",
    "rootfs-image",
    ...names,
    ...files,
    "--compression",
    "none",
    "--key",
    file("private.pem"),
  ]);
}

/** Makes the board accept only what this key has signed. */
function trust(key: string): void {
  const path = join(board, "etc/mender.conf");
  const configuration: object = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...configuration, ArtifactVerifyKey: key }, undefined, 2));
}

function run(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: "inherit" });
    child.once("error", reject);
    child.once("exit", (status) => resolve(status ?? 1));
  });
}

async function runOrFail(command: string, args: readonly string[]): Promise<void> {
  const done = spawnSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  if (done.status !== 0) fail(`${command} ${args.join(" ")} ended with exit status ${done.status}`);
}

function fail(reason: string): never {
  process.stderr.write(`The demonstration has failed: ${reason}.\n`);
  process.exit(1);
}
