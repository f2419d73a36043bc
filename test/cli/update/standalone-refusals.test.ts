import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { moduleRequest } from "../../artifact/artifact-requests.ts";
import { makeKeyFiles } from "../../artifact/keys.ts";
import { sha256 } from "../../artifact/odd-artifacts.ts";
import { cli, codesOf, TestBoard } from "../../support/test-board.ts";

let board: TestBoard;
beforeEach(async () => {
  board = await TestBoard.make();
  // Seeds the store.
  expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
});
afterEach(() => board.remove());

/** Checks that `install` fails with one line, and that slot, environment and store have not changed. */
async function refuses(source: string, code: string, says: RegExp = /./): Promise<void> {
  const look = async () => [
    sha256(await board.slot("A")),
    sha256(await board.slot("B")),
    await board.env(),
    await board.stored(),
  ];
  const before = await look();
  const refused = await board.agent("install", source);
  expect([refused.exitCode, codesOf(refused)]).toEqual([1, [code]]);
  expect(refused.err[0]).toMatch(says);
  expect(refused.out.filter((line) => line !== "Installing artifact...")).toEqual([
    "Streaming failed.",
    "System not modified.",
  ]);
  expect(await look()).toEqual(before);
}

async function odd(bytes: Uint8Array): Promise<string> {
  await writeFile(board.file("odd.mender"), bytes);
  return board.file("odd.mender");
}

test("a payload for an update module is refused by the name of the module", async () => {
  const file = board.file("data.bin");
  await writeFile(file, "data");
  await refuses(
    await board.write(moduleRequest({ files: [file] })),
    "PAYLOAD_UNSUPPORTED",
    /share\/modules\/v3\/single-file/,
  );
});

test("a datastore where no folder can be made is refused by its name", async () => {
  const refused = await cli("switchback", ["-d", "/proc/switchback/data", "install", "v2.mender"]);
  expect([refused.exitCode, codesOf(refused)]).toEqual([1, ["LOCK_FAILED"]]);
  expect(refused.err[0]).toContain("/proc/switchback");
});

test("an Artifact for another type of device is refused, and both types are named", async () => {
  await refuses(
    await board.release("v2", "yes", { deviceTypes: ["board-b", "board-c"] }),
    "DEVICE_TYPE_MISMATCH",
    /device=board-a, artifact=board-b,board-c/,
  );
});

test("an Artifact that depends on another one than is installed is refused", async () => {
  await refuses(
    await board.release("v2", "yes", { dependsNames: ["v0"] }),
    "DEPENDS_MISMATCH",
    /key=artifact_name, device=v1, artifact=v0/,
  );
  await refuses(await board.release("v2", "yes", { dependsGroups: ["beta"] }), "DEPENDS_MISMATCH", /\(not set\)/);
});

for (const content of ["", "device_type=\n", "board-a\n", "device_type=board-a\ndevice_type=board-b\n", undefined]) {
  test(`a device type file that ${content === undefined ? "is missing" : `reads ${JSON.stringify(content)}`} is refused`, async () => {
    const path = board.path("data/device_type");
    await (content === undefined ? rm(path) : writeFile(path, content));
    await refuses(await board.release("v2"), "DEVICE_TYPE_FILE");
  });
}

test("the device type is read from the file that the configuration names", async () => {
  const path = board.file("type");
  await writeFile(path, "device_type=board-b\n");
  await board.configure({ DeviceTypeFile: path });
  await refuses(await board.release("v2"), "DEVICE_TYPE_MISMATCH", /device=board-b/);
});

test("an image that is larger than the slot is refused before its first byte is written", async () => {
  const image = await board.image("v2", "yes", 257);
  const request = { ...moduleRequest({ kind: "rootfs-image", type: "", files: [image] }), name: "v2" };
  const stored = await board.stored();
  const slot = await board.slot("B");
  const refused = await board.agent("install", await board.write(request));
  expect(refused).toMatchObject({
    exitCode: 1,
    out: ["Installing artifact...", "Streaming failed.", "System not modified."],
  });
  expect(codesOf(refused)).toEqual(["SLOT_TOO_SMALL"]);
  expect((await board.slot("B")).equals(slot)).toBe(true);
  expect(await board.stored()).toEqual(stored);
});

test("a damaged image is written to the slot, and never booted", async () => {
  const path = await board.release("v2");
  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 3000) ^ 1, bytes.length - 3000);
  const [env, stored] = [await board.env(), await board.stored()];
  const failed = await board.agent("install", await odd(bytes));
  expect(failed).toMatchObject({
    exitCode: 1,
    out: ["Installing artifact...", "Streaming failed.", "System not modified."],
  });
  expect(codesOf(failed)).toEqual(["ARTIFACT_CHECKSUM"]);
  expect([await board.env(), await board.stored()]).toEqual([env, stored]);
});

test("a board with a key takes what that key has signed, and neither unsigned Artifacts nor others' ones", async () => {
  const mine = makeKeyFiles(board.folder, "ec", "mine");
  const other = makeKeyFiles(board.folder, "rsa", "other");
  await board.configure({ ArtifactVerifyKeys: [mine.publicPath] });
  const path = await board.release("v2");
  await refuses(path, "ARTIFACT_NOT_SIGNED");
  const sign = async (key: string, out: string): Promise<string> => {
    expect((await cli("switchback", ["artifact", "sign", "-k", key, "-o", out, path])).exitCode).toBe(0);
    return out;
  };
  await refuses(await sign(other.privatePath, board.file("theirs.mender")), "ARTIFACT_SIGNATURE");
  expect((await board.agent("install", await sign(mine.privatePath, board.file("mine.mender")))).exitCode).toBe(0);
});

test("a verification key that cannot be read is a failure, and not a reason to skip the check", async () => {
  await board.configure({ ArtifactVerifyKey: board.file("missing.pem") });
  await refuses(await board.release("v2"), "KEY_UNREADABLE");
});

const CONFIGURATIONS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "names one slot only": { RootfsPartA: "" },
  "names an unknown boot loader": { Switchback: { Bootloader: "lilo" } },
  "has both spellings of the verification key": { ArtifactVerifyKey: "a", ArtifactVerifyKeys: ["a"] },
  "names no board for the virtual board's boot loader": { Switchback: { Bootloader: "fake" } },
};

for (const [what, keys] of Object.entries(CONFIGURATIONS)) {
  test(`a configuration that ${what} is refused`, async () => {
    await board.configure(keys);
    await refuses(await board.release("v2"), "CONFIG_INVALID");
  });
}

test("a configuration file that is named but missing is refused, and one without JSON refuses to install", async () => {
  await writeFile(board.file("broken.conf"), "{");
  for (const option of ["-c", "-b"]) {
    const missing = await board.agent(option, board.file("missing.conf"), "commit");
    expect([missing.exitCode, codesOf(missing)]).toEqual([1, ["CONFIG_INVALID"]]);
    expect(missing.err[0]).toContain("missing.conf");
    const broken = await board.agent(option, board.file("broken.conf"), "install", await board.release("v2"));
    expect([broken.exitCode, codesOf(broken)]).toEqual([1, ["CONFIG_INVALID"]]);
    expect(broken.err[0]).toContain("broken.conf");
    expect((await board.agent(option, board.file("broken.conf"), "commit")).exitCode).toBe(2);
  }
});

test("a file of trusted certificates that is missing is refused when it is needed", async () => {
  const refused = await board.agent("-E", board.file("missing.pem"), "install", "https://127.0.0.1:1/x.mender");
  expect(codesOf(refused)).toEqual(["CONFIG_INVALID"]);
});

test("a source that cannot be opened is named", async () => {
  await refuses(board.file("missing.mender"), "SOURCE_OPEN", /file=.*missing\.mender/);
  await refuses(board.folder, "ARTIFACT_READ");
});

test("an empty file and a text file are no Artifacts", async () => {
  await refuses(await odd(Buffer.alloc(0)), "ARTIFACT_TRUNCATED");
  await refuses(await odd(Buffer.alloc(4096, "text ")), "ARTIFACT_TAR_HEADER");
});

test("a pending update that this version does not understand is left alone until 'resume' gives it up", async () => {
  const store = board.path("data/switchback-store");
  for (const state of ["not JSON", '{"version":2}']) {
    const text = JSON.stringify({ version: 1, values: { "artifact-name": "v1", state } });
    await writeFile(store, text);
    for (const argv of [["install", await board.release("v2")], ["commit"], ["rollback"]]) {
      const refused = await board.agent(...argv);
      expect([refused.exitCode, codesOf(refused)]).toEqual([1, ["SNAPSHOT_INVALID"]]);
    }
    expect(await readFile(store, "utf8")).toBe(text);
    expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
    const given = await board.agent("resume");
    expect([given.exitCode, codesOf(given)[0]]).toEqual([1, "SNAPSHOT_INVALID"]);
    expect((await board.agent("resume")).exitCode).toBe(2);
  }
});

test("an old agent that is back after a rollback undoes an update that a newer agent began", async () => {
  await board.agent("install", await board.release("v2"));
  const stored = await board.stored();
  const state = JSON.stringify({ ...JSON.parse(stored["state"] ?? "{}"), version: 2, state: "cooking", phase: "main" });
  await writeFile(board.path("data/switchback-store"), JSON.stringify({ version: 1, values: { ...stored, state } }));
  const given = await board.agent("resume");
  expect([given.exitCode, codesOf(given), given.out]).toEqual([1, ["SNAPSHOT_INVALID"], ["Rolled back."]]);
  expect(await board.status()).toMatchObject({ running: "A", trial: false });
  expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
});

test("an update of the server is left to the daemon, and 'resume' at a start of the system is no failure", async () => {
  await board.agent("install", await board.release("v2"));
  const stored = await board.stored();
  const state = JSON.stringify({ ...JSON.parse(stored["state"] ?? "{}"), mode: "managed", id: "d1" });
  const text = JSON.stringify({ version: 1, values: { ...stored, state } });
  await writeFile(board.path("data/switchback-store"), text);
  for (const argv of [["install", await board.release("v3")], ["commit"], ["rollback"]]) {
    expect(codesOf(await board.agent(...argv))).toEqual(["UPDATE_IN_PROGRESS"]);
  }
  const out = ["A deployment waits for 'daemon' or 'poll'."];
  expect(await board.agent("resume")).toMatchObject({ exitCode: 0, out, err: [] });
  expect(await readFile(board.path("data/switchback-store"), "utf8")).toBe(text);
});

test("a board that is on trial without an update of ours is not written to", async () => {
  await board.setEnv({ upgrade_available: "1", bootcount: "1" });
  const refused = await board.agent("install", await board.release("v2"));
  expect([refused.exitCode, codesOf(refused)]).toEqual([1, ["BOOT_TRIAL_PENDING"]]);
  expect(refused.out).toEqual(["Installing artifact...", "Streaming failed.", "System not modified."]);
});

test("a slot that has shrunk below what it must hold is refused, too", async () => {
  await truncate(board.path("slots/rootfs3"), 64 * 1024);
  expect(codesOf(await board.agent("install", await board.release("v2")))).toEqual(["SLOT_TOO_SMALL"]);
});
