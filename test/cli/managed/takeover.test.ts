import { generateKeyPairSync } from "node:crypto";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readLmdb } from "../../../adapters/takeover/lmdb-reader.ts";
import { asText, COMMITTED, OF_32_BITS, PENDING, storeOf, VALUES_OF_32_BITS } from "../../support/client-stores.ts";
import { codesOf, TestBoard } from "../../support/test-board.ts";

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
/** As the Go client stores its key. */
const KEY = privateKey.export({ type: "pkcs1", format: "pem" }).toString();

let board: TestBoard;
beforeEach(async () => {
  board = await TestBoard.make();
  // The board has recorded its first version; a device that never ran Switchback has not.
  rmSync(board.path("data/switchback-store"), { force: true });
  writeFileSync(board.path("data/mender-agent.pem"), KEY, { mode: 0o600 });
});
afterEach(() => board.remove());

const client = (): string => board.path("data/mender-store");
const put = (bytes: Buffer): void => writeFileSync(client(), bytes, { mode: 0o600 });
const held = (): Record<string, string> => asText(readLmdb(readFileSync(client())).values);

/** Every file that matters, without locks. */
function files(): Record<string, string> {
  const found = ["data", "etc", "boot"].flatMap((folder) =>
    readdirSync(board.path(folder), { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`),
  );
  const own = found.filter((name) => statSync(board.path(name)).isFile() && !name.endsWith(".lock"));
  return Object.fromEntries(
    own.map((name) => [name, `${statSync(board.path(name)).mode} ${readFileSync(board.path(name), "latin1")}`]),
  );
}

const PROVIDES = ["a=b", "artifact_group=grp", "artifact_name=mod-2", "c=d", "rootfs-image.testmod.version=mod-2"];

test("name, group and provides are taken over, and no file of the client changes; a second run changes nothing", async () => {
  put(COMMITTED);
  const before = files();
  const { exitCode, out, err } = await board.agent("takeover");
  expect([exitCode, err]).toEqual([0, []]);
  expect(out[0]).toBe("Taken over from the Mender client.");
  expect(out.join("\n")).toContain("mender-agent.pem (rsa)");
  expect((await board.agent("show-provides")).out).toEqual(PROVIDES);
  expect(files()).toMatchObject(before);
  const after = files();
  const again = await board.agent("takeover", "--json");
  expect(JSON.parse(again.out[0] ?? "")).toMatchObject({
    result: "already",
    provides: { artifact_name: "mod-2", artifact_group: "grp", c: "d" },
    deviceKey: { path: board.path("data/mender-agent.pem"), type: "rsa" },
    configuration: [board.path("etc/mender.conf")],
    store: client(),
  });
  expect(files()).toEqual(after);
});

test("a check tells what a takeover would do, and makes no file", async () => {
  put(COMMITTED);
  const before = readdirSync(board.path("data"));
  const { exitCode, out } = await board.agent("takeover", "--check");
  expect([exitCode, out[0]]).toEqual([0, "Possible. Nothing was changed."]);
  expect(out).toEqual(expect.arrayContaining(PROVIDES.map((line) => `  ${line}`)));
  expect(readdirSync(board.path("data"))).toEqual(before);
});

test("without a client's store there is nothing to do, and that has an exit status of its own", async () => {
  for (const args of [[], ["--check"], ["--undo"], ["--undo", "--check"]]) {
    const { exitCode, out } = await board.agent("takeover", ...args);
    expect([exitCode, out[0]]).toEqual([2, expect.stringMatching(/^Nothing to (?:take over|give back): /)]);
  }
});

test("a client that has recorded nothing yet hands over the name of the image", async () => {
  put(storeOf({}, 0n));
  const before = readFileSync(client());
  await board.agent("takeover");
  expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
  expect((await board.agent("takeover", "--undo")).exitCode).toBe(0);
  expect(readFileSync(client()).equals(before)).toBe(true);
});

test("given back without an update in between, the client's store stays byte for byte", async () => {
  put(COMMITTED);
  await board.agent("takeover");
  expect((await board.agent("takeover", "--undo", "--check")).exitCode).toBe(0);
  expect((await board.agent("takeover", "--undo")).out[0]).toBe("Given back to the Mender client.");
  expect(readFileSync(client()).equals(COMMITTED)).toBe(true);
  expect(existsSync(`${client()}.before-switchback`)).toBe(false);
  expect(await board.stored()).toEqual({});
  expect((await board.agent("takeover", "--undo")).exitCode).toBe(2);
  expect((await board.agent("takeover")).out[0]).toBe("Taken over from the Mender client.");
});

test("given back after an update, the client's store holds the new software, its other keys, and its shape", async () => {
  for (const store of [storeOf({ ...VALUES_OF_32_BITS, authtoken: "t" }, 8n), OF_32_BITS]) {
    put(store);
    await board.agent("takeover");
    await board.agent("install", await board.release("v2"));
    await board.boot();
    expect((await board.agent("commit")).exitCode).toBe(0);
    const { artifact_name, ...shown } = JSON.parse((await board.agent("show-provides", "--json")).out[0] ?? "");
    expect((await board.agent("takeover", "--undo")).exitCode).toBe(0);
    const { "artifact-provides": provides = "", ...rest } = held();
    expect(rest).toEqual({
      "artifact-name": artifact_name,
      ...(readLmdb(store).values.has("authtoken") && { authtoken: "t" }),
    });
    expect(artifact_name).toBe("v2");
    expect(JSON.parse(provides)).toEqual(shown);
    expect(Object.keys(shown)).toEqual(["a", "long", "rootfs-image.checksum", "rootfs-image.version"]);
    const { txn, ...shape } = readLmdb(readFileSync(client()));
    expect(shape).toMatchObject({ wordBytes: readLmdb(store).wordBytes, mapBytes: 1_048_576, freeFlags: 0x4008 });
    expect(txn).toBe(readLmdb(store).txn + 1n);
    expect(statSync(client()).mode & 0o777).toBe(0o600);
    expect(readFileSync(`${client()}.before-switchback`).equals(store)).toBe(true);
    expect(readFileSync(board.path("data/mender-agent.pem"), "utf8")).toBe(KEY);
  }
});

test("the doctor names a client's store that was not taken over", async () => {
  const told = async (): Promise<string> => (await board.agent("doctor")).out.join("\n");
  put(COMMITTED);
  expect(await told()).toMatch(/^warning {2}Mender client: .*mender-store is here.*\n.*'switchback takeover'/m);
  await board.agent("takeover");
  expect(await told()).not.toContain("Mender client");
});

test("a client's store that was removed meanwhile is made anew", async () => {
  put(COMMITTED);
  await board.agent("takeover");
  rmSync(client());
  expect((await board.agent("takeover", "--undo")).exitCode).toBe(0);
  expect(held()["artifact-name"]).toBe("mod-2");
});

const REFUSALS: Readonly<Record<string, readonly [code: string, spoil: () => unknown]>> = {
  "an update that waits for a commit": ["TAKEOVER_PENDING", () => put(PENDING)],
  "a deployment": [
    "TAKEOVER_PENDING",
    () => put(storeOf({ state: '{"UpdateInfo":{"Artifact":{"artifact_name":"mod-9"}}}' })),
  ],
  "a deployment after a migration": ["TAKEOVER_PENDING", () => put(storeOf({ "state-uncommitted": "{" }))],
  "a system on trial": ["TAKEOVER_PENDING", () => board.setEnv({ upgrade_available: "1" })],
  "a damaged store": ["TAKEOVER_DAMAGED", () => put(COMMITTED.subarray(0, 9000))],
  "provides that are no texts": ["TAKEOVER_DAMAGED", () => put(storeOf({ "artifact-provides": '{"a":1}' }))],
  "provides that are no JSON": ["TAKEOVER_DAMAGED", () => put(storeOf({ "artifact-provides": "{" }))],
  "a name that is no text": ["TAKEOVER_DAMAGED", () => put(storeOf({ "artifact-name": "a\0" }))],
  "a key with a damaged length": ["TAKEOVER_DAMAGED", () => put(storeOf({ "artifact-nam": "e" }))],
  "something that is no store": ["TAKEOVER_FORMAT", () => put(Buffer.from("a text"))],
  "a key that cannot be read": ["DEVICE_KEY", () => writeFileSync(board.path("data/mender-agent.pem"), "no key")],
  "a configuration that cannot be read": ["CONFIG_INVALID", () => writeFileSync(board.path("etc/mender.conf"), "{")],
  "a key in a token": [
    "KEY_ENGINE_UNSUPPORTED",
    () => board.configure({ HttpsClient: { Certificate: "/etc/cert.pem", Key: "pkcs11:object=key" } }),
  ],
  "a boot loader that Switchback cannot use": [
    "CONFIG_INVALID",
    async () => {
      const { Switchback, ...rest } = JSON.parse(readFileSync(board.path("etc/mender.conf"), "utf8"));
      const { Bootloader: _fake, ...own } = Switchback;
      const boot = { BootUtilitiesSetActivePart: "/sbin/set", Switchback: own };
      writeFileSync(board.path("etc/mender.conf"), JSON.stringify({ ...rest, ...boot }));
    },
  ],
  "an update of Switchback": ["UPDATE_IN_PROGRESS", async () => board.agent("install", await board.release("v2"))],
  "a record of Switchback": [
    "TAKEOVER_CONFLICT",
    async () => {
      await board.agent("install", await board.release("v2"));
      await board.boot();
      await board.agent("commit");
    },
  ],
};

for (const [what, [code, spoil]] of Object.entries(REFUSALS))
  test(`${what} is refused by name (${code}), and nothing is changed`, async () => {
    put(COMMITTED);
    await spoil();
    const before = files();
    for (const args of [["--check"], [], ["--json"]]) {
      const ended = await board.agent("takeover", ...args);
      expect([ended.exitCode, codesOf(ended)]).toEqual([1, [code]]);
      if (args[0] === "--json") expect(JSON.parse(ended.out[0] ?? "").error.code).toBe(code);
    }
    expect(files()).toEqual(before);
  });

test("a client that runs is refused by name, with its process, in both directions", async () => {
  put(COMMITTED);
  const open = openSync(client(), "r");
  try {
    const ended = await board.agent("takeover");
    expect(codesOf(ended)).toEqual(["TAKEOVER_RUNNING"]);
    expect(ended.err[0]).toContain(`pid=${process.pid}, program=${process.execPath}`);
  } finally {
    closeSync(open);
  }
  await board.agent("takeover");
  const lock = openSync(`${client()}-lock`, "w");
  expect(codesOf(await board.agent("takeover", "--undo"))).toEqual(["TAKEOVER_RUNNING"]);
  closeSync(lock);
});

test("after another takeover of the client, Switchback keeps its record unless told otherwise", async () => {
  put(COMMITTED);
  await board.agent("takeover");
  put(storeOf({ "artifact-name": "of the client" }, 8n));
  expect(codesOf(await board.agent("takeover"))).toEqual(["TAKEOVER_CONFLICT"]);
  expect((await board.agent("show-artifact")).out).toEqual(["mod-2"]);
  expect((await board.agent("takeover", "--overwrite")).exitCode).toBe(0);
  expect((await board.agent("show-provides")).out).toEqual(["artifact_name=of the client"]);
});

test("a name that Switchback has only read from the image gives way to the client's record", async () => {
  expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
  expect(await board.stored()).toMatchObject({ "artifact-name": "v1" });
  put(COMMITTED);
  expect((await board.agent("takeover")).exitCode).toBe(0);
  expect((await board.agent("show-provides")).out).toEqual(PROVIDES);
});

test("an update of Switchback that waits for a commit is not given back", async () => {
  put(COMMITTED);
  await board.agent("takeover");
  await board.agent("install", await board.release("v2"));
  expect(codesOf(await board.agent("takeover", "--undo"))).toEqual(["UPDATE_IN_PROGRESS"]);
  expect(readFileSync(client()).equals(COMMITTED)).toBe(true);
  expect((await board.agent("show-artifact")).out).toEqual(["mod-2"]);
});
