import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { serveSlowly } from "../lib/slow-server.ts";
import { changeConfiguration } from "./configuration.ts";
import type { Stage } from "./stage.ts";

const BYTES_PER_SECOND = 12 * 1024 * 1024;
/** The two files of the key that signs all releases. */
export const KEYS = { private: "private.pem", public: "public.pem" } as const;

/** One board: an update that is kept, and one whose system never comes up. */
export async function showDevice(stage: Stage): Promise<void> {
  const board = stage.file("board");
  const agent = ["-c", stage.file("board/etc/mender.conf"), "-d", stage.file("board/data"), "-l", "warning"];
  const show = (args: readonly string[], expected = 0) => stage.show("switchback", args, expected);
  const release = async (version: string, boots: string): Promise<void> => {
    await show(["board", "image", stage.file(`${version}.img`), "--version", version, "--boots", boots]);
    await show(writeArgs(stage, version, "virtual-board", `${version}.img`, `${version}.mender`));
  };

  stage.say("1. A board made of files: two slots, a boot environment, and a firmware that follows U-Boot's rule.");
  await show(["board", "create", board]);
  await show(["board", "boot", board]);

  stage.say("2. The next release: a system image, packed into a signed Artifact that any Mender device takes.");
  makeKeys(stage);
  changeConfiguration(board, { ArtifactVerifyKey: stage.file(KEYS.public) });
  await release("v2", "yes");
  await show(["artifact", "validate", stage.file("v2.mender"), "-k", stage.file(KEYS.public)]);

  stage.say("3. Install it over a network of 12 MB/s, straight into the slot that is not running; then reboot.");
  const server = await serveSlowly(stage.dir, BYTES_PER_SECOND);
  stage.beforeEnd(() => server.close());
  await show([...agent, "install", `${server.url}/v2.mender`]);
  await show(["board", "boot", board]);

  stage.say("4. The new system is up, on trial. Keep it.");
  await show([...agent, "commit"]);
  await show([...agent, "show-artifact"]);

  stage.say("5. A release that is complete and correctly signed, but whose system hangs when it starts.");
  await release("v3", "hangs");
  await show([...agent, "install", stage.file("v3.mender")]);
  await show(["board", "boot", board], 1);

  stage.say("6. The board does not answer. You switch it off and on again:");
  await show(["board", "boot", board]);
  await show([...agent, "commit"], 1);
  await show([...agent, "show-artifact"]);
}

/** What to try with the board of `showDevice`, which stays. */
export function deviceCommands(stage: Stage): readonly string[] {
  const board = stage.file("board");
  const agent = ["-c", stage.file("board/etc/mender.conf"), "-d", stage.file("board/data"), "-l", "warning"];
  return [
    ["board", "status", board],
    ["artifact", "read", stage.file("v2.mender")],
    [...agent, "install", stage.file("v2.mender")],
    ["board", "boot", board],
    [...agent, "rollback"],
    ["--help"],
  ].map((args) => `node ${stage.pathOf("switchback")} ${args.join(" ")}`);
}

/** The arguments that pack an image into a signed Artifact. */
export function writeArgs(stage: Stage, version: string, type: string, image: string, to: string): readonly string[] {
  const names = ["--artifact-name", version, "--device-type", type];
  const files = ["--file", stage.file(image), "--output-path", stage.file(to)];
  const more = ["--compression", "none", "--key", stage.file(KEYS.private)];
  return ["artifact", "write", "rootfs-image", ...names, ...files, ...more];
}

function makeKeys(stage: Stage): void {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(stage.file(KEYS.private), keys.privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  writeFileSync(stage.file(KEYS.public), keys.publicKey.export({ type: "spki", format: "pem" }));
}
