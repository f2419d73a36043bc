import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TestBoard } from "../../support/test-board.ts";

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const PRIVATE = privateKey.export({ type: "pkcs8", format: "pem" });
const LOCKED = privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" });

let board: TestBoard;
beforeEach(async () => {
  board = await TestBoard.make();
  await mkdir(board.path("share/inventory"));
  const scripts = ["etc/scripts/Idle_Enter_00", "share/modules/v3/deb", "share/inventory/mender-inventory-x"];
  for (const path of scripts) await writeFile(board.path(path), "#!/bin/sh\n", { mode: 0o755 });
  await writeFile(board.path("etc/scripts/version"), "3");
  await writeFile(board.path("data/mender.conf"), "{}");
  await writeFile(board.path("data/key.pem"), publicKey.export({ type: "spki", format: "pem" }));
  await board.configure({ ArtifactVerifyKey: board.path("data/key.pem") });
  for (const secret of ["mender-agent.pem", "switchback-server"]) {
    await writeFile(board.path(`data/${secret}`), PRIVATE, { mode: 0o600 });
  }
});
afterEach(() => board.remove());

async function complaints(): Promise<readonly string[]> {
  const { out } = await board.agent("doctor");
  return out.filter((line) => /^(?:wrong|warning|\s+->)/.test(line)).map((line) => line.replaceAll(board.dir, "BOARD"));
}

const TRUSTED = [
  "etc",
  "etc/mender.conf",
  "etc/scripts",
  "etc/scripts/Idle_Enter_00",
  "data",
  "data/mender.conf",
  "data/device_type",
  "data/key.pem",
  "share/modules/v3",
  "share/modules/v3/deb",
  "share/inventory",
  "share/inventory/mender-inventory-x",
];

test("if nobody else can change or read anything, the doctor says how much it examined", async () => {
  expect(await complaints()).toEqual([]);
  const { out } = await board.agent("doctor");
  expect(out.find((line) => line.includes("permissions: "))).toMatch(/no other user can change any of 1\d files/);
});

test.each(TRUSTED)("%s that anybody can write to is a warning", async (name) => {
  const path = board.path(name);
  await chmod(path, 0o777);
  expect(await complaints()).toEqual([
    `warning  BOARD/${name}: every user of this device can write to it (mode 0777)`,
    `         -> chmod o-w BOARD/${name}`,
  ]);
});

test.each(["mender-agent.pem", "switchback-server"])("%s that others can read is a warning", async (name) => {
  await chmod(board.path(`data/${name}`), 0o640);
  expect(await complaints()).toEqual([
    `warning  BOARD/data/${name}: it is secret, but other users can read it (mode 0640)`,
    `         -> chmod 600 BOARD/data/${name}; replace the secret if others may have read it.`,
  ]);
});

test("a key of the device for its proxy or server is a secret like its own", async () => {
  await writeFile(board.path("etc/client.pem"), PRIVATE, { mode: 0o644 });
  await board.configure({
    HttpsClient: { Certificate: board.path("data/key.pem"), Key: board.path("etc/client.pem") },
  });
  expect((await complaints())[0]).toBe(
    "warning  BOARD/etc/client.pem: it is secret, but other users can read it (mode 0644)",
  );
});

test("a damaged device key is wrong, and one with a passphrase is not looked into", async () => {
  await writeFile(board.path("data/mender-agent.pem"), "-----BEGIN PRIVATE KEY-----\nAAAA\n");
  expect(await complaints()).toEqual([
    expect.stringMatching(/^wrong {4}device key: DEVICE_KEY: .*path=BOARD\/data\/mender-agent.pem/),
    "         -> Restore the key, or create one with 'switchback bootstrap --forcebootstrap': the server sees a new device then.",
  ]);
  await writeFile(board.path("data/mender-agent.pem"), LOCKED);
  const { out } = await board.agent("doctor");
  expect(out).toContain(`ok       ${join(board.dir, "data/mender-agent.pem")}: encrypted`);
});
