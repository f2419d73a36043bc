import { readFile, rename, symlink, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { moduleRequest } from "../../artifact/artifact-requests.ts";
import { severalPayloads } from "../../artifact/several-payloads.ts";
import { Recorder } from "../../support/recorder.ts";
import { codesOf, INSTALLED, REBOOT, TestBoard } from "../../support/test-board.ts";

let board: TestBoard;
let recorder: Recorder;
beforeEach(async () => {
  board = await TestBoard.make();
  recorder = new Recorder(board);
});
afterEach(() => board.remove());

const NOT_COMMITTED = INSTALLED.slice(0, 3);
const content = (target: string): Promise<string> => readFile(`${target}/content`, "utf8").catch(() => "nothing");

/** An Artifact `v2` with one file for an update module. */
async function forModule(type: string): Promise<string> {
  await writeFile(board.file("data.bin"), `new ${type}`);
  const provides = { [`data.${type}.version`]: "v2" };
  return board.write(moduleRequest({ type, files: [board.file("data.bin")], provides }, { name: "v2" }));
}

test("an update module installs its payload, and 'commit' keeps it", async () => {
  const target = await recorder.module("files");
  expect(await board.agent("install", await forModule("files"))).toMatchObject({ exitCode: 0, out: NOT_COMMITTED });
  expect(await recorder.take()).toBe(
    "files:ProvidePayloadFileSizes files:Download files:ArtifactInstall files:NeedsArtifactReboot files:SupportsRollback",
  );
  expect(await content(target)).toBe("new files");
  expect(await board.agent("commit")).toMatchObject({ exitCode: 0, out: ["Committed."], err: [] });
  expect(await recorder.take()).toBe("files:ArtifactCommit files:Cleanup");
  expect((await board.agent("show-provides")).out).toContain("data.files.version=v2");
});

test("an update of a module is rolled back", async () => {
  const target = await recorder.module("files");
  await board.agent("install", await forModule("files"));
  await recorder.take();
  expect(await board.agent("rollback")).toMatchObject({ exitCode: 0, out: ["Rolled back."], err: [] });
  expect(await recorder.take()).toBe(
    "files:SupportsRollback files:ArtifactRollback files:NeedsArtifactReboot " + "files:ArtifactFailure files:Cleanup",
  );
  expect([await content(target), (await board.agent("show-artifact")).out]).toEqual(["nothing", ["v1"]]);
});

test("a module without rollback is committed at once", async () => {
  await recorder.module("files", { SupportsRollback: "No", NeedsArtifactReboot: "Automatic" });
  expect(await board.agent("install", await forModule("files"))).toMatchObject({
    exitCode: 0,
    out: [
      "Installing artifact...",
      "Update Module doesn't support rollback. Committing immediately.",
      "Installed and committed.",
      REBOOT,
    ],
  });
  expect((await board.agent("show-artifact")).out).toEqual(["v2"]);
});

test("a module whose installation fails is asked to roll back", async () => {
  const target = await recorder.module("files");
  const artifact = await forModule("files");
  await recorder.fail("files:ArtifactInstall");
  const failed = await board.agent("install", artifact);
  expect(failed.out).toEqual(["Installing artifact...", "Installation failed.", "Rolled back."]);
  expect(codesOf(failed)).toEqual(["MODULE_FAILED"]);
  expect(await content(target)).toBe("nothing");
});

test("if a module does not say whether it can roll back, the recorded software is uncertain", async () => {
  await recorder.module("files", { SupportsRollback: "Maybe" });
  await recorder.fail("files:ArtifactInstall");
  const failed = await board.agent("install", await forModule("files"));
  expect(failed.out.at(-1)).toBe("Rollback failed. System may be in an inconsistent state.");
  expect(codesOf(failed)).toEqual(["MODULE_FAILED", "MODULE_ANSWER"]);
  expect((await board.agent("show-artifact")).out).toEqual(["v2_INCONSISTENT"]);
});

test("a board's own module replaces what is built in for root filesystem images", async () => {
  const target = await recorder.module("rootfs-image");
  expect((await board.agent("install", await board.release("v2"))).exitCode).toBe(0);
  expect(await recorder.take()).toContain("rootfs-image:ArtifactInstall");
  expect(await content(target)).toBe(await readFile(board.file("v2.img"), "utf8"));
  expect((await board.status()).trial).toBe(false);
});

test("a type that leads out of the folder of modules names none", async () => {
  await recorder.module("files");
  const refused = await board.agent("install", await several([{ type: "../v3/files", file: "a", data: "a" }]));
  expect(codesOf(refused)).toEqual(["PAYLOAD_UNSUPPORTED"]);
});

interface Part {
  readonly type: string;
  readonly file: string;
  readonly data: string | Uint8Array;
}

/** An Artifact `v2` whose payloads have one file each. @returns its path */
async function several(parts: readonly Part[]): Promise<string> {
  const path = board.file("several.mender");
  const payloads = parts.map(({ type, file, data }) => ({ type, files: { [file]: data } }));
  await writeFile(path, severalPayloads("v2", payloads));
  return path;
}

async function imageAndModule(): Promise<{ artifact: string; target: string }> {
  const target = await recorder.module("files");
  const image = await readFile(await board.image("v2"));
  const parts = [
    { type: "rootfs-image", file: "v2.img", data: image },
    { type: "files", file: "data.bin", data: "new files" },
  ];
  return { artifact: await several(parts), target };
}

test("several payloads are installed, and committed together after the reboot", async () => {
  const { artifact, target } = await imageAndModule();
  expect(await board.agent("install", artifact)).toMatchObject({ exitCode: 0, out: INSTALLED, err: [] });
  expect(await content(target)).toBe("new files");
  expect((await board.boot()).outcome).toEqual({ kind: "up", slot: "B" });
  await recorder.take();
  expect(await board.agent("commit")).toMatchObject({ exitCode: 0, out: ["Committed."], err: [] });
  expect(await recorder.take()).toBe("files:ArtifactCommit files:Cleanup");
  expect((await board.status()).trial).toBe(false);
  const { out } = await board.agent("show-provides");
  expect(out).toEqual(expect.arrayContaining(["artifact_name=v2", "part0.version=v2", "part1.version=v2"]));
});

test("when one of several payloads fails, all are rolled back", async () => {
  const { artifact, target } = await imageAndModule();
  const env = await board.env();
  await recorder.fail("files:ArtifactInstall");
  expect(await board.agent("install", artifact)).toMatchObject({
    exitCode: 1,
    out: ["Installing artifact...", "Installation failed.", "Rolled back."],
  });
  expect([await board.env(), await content(target)]).toEqual([env, "nothing"]);
  expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
});

test("several payloads are installed in order and rolled back in the reverse one", async () => {
  await recorder.module("one");
  await recorder.module("two");
  const parts = ["one", "two"].map((type) => ({ type, file: "data.bin", data: `new ${type}` }));
  expect((await board.agent("install", await several(parts))).exitCode).toBe(0);
  const acts = async (): Promise<string> =>
    (await recorder.take())
      .split(" ")
      .filter((call) => /:(Download|Artifact(Install|Rollback)|Cleanup)$/.test(call))
      .join(" ");
  expect(await acts()).toBe("one:Download two:Download one:ArtifactInstall two:ArtifactInstall");
  await recorder.fail("two:ArtifactRollback");
  const failed = await board.agent("rollback");
  expect(failed).toMatchObject({ exitCode: 1, out: ["Rollback failed. System may be in an inconsistent state."] });
  expect(await acts(), "the failure of one does not keep the other").toBe(
    "two:ArtifactRollback one:ArtifactRollback one:Cleanup two:Cleanup",
  );
});

test("several payloads can be rolled back only when each of them can", async () => {
  await recorder.module("one");
  await recorder.module("two", { SupportsRollback: "No" });
  const parts = ["one", "two"].map((type) => ({ type, file: "data.bin", data: `new ${type}` }));
  expect((await board.agent("install", await several(parts))).out.slice(1)).toEqual([
    "Installed, but not committed.",
    "Use 'commit' to update. There is no way back: not every payload supports rollback.",
  ]);
  const refused = await board.agent("rollback");
  expect(refused.out).toEqual(["Update Module does not support rollback. System may be in an inconsistent state."]);
  expect((await board.agent("commit")).exitCode).toBe(0);
});

test("two images are one too many for one slot, and in strict compatibility any second payload is", async () => {
  const part = { type: "rootfs-image", file: "v2.img", data: await readFile(await board.image("v2")) };
  expect(codesOf(await board.agent("install", await several([part, part])))).toEqual(["PAYLOAD_COUNT"]);
  const { artifact } = await imageAndModule();
  expect(codesOf(await board.agent("install", "--strict-compat", artifact))).toEqual(["PAYLOAD_COUNT"]);
  const configuration: { Switchback: object } = JSON.parse(await readFile(board.path("etc/mender.conf"), "utf8"));
  await board.configure({ Switchback: { ...configuration.Switchback, StrictCompat: true } });
  expect(codesOf(await board.agent("install", artifact))).toEqual(["PAYLOAD_COUNT"]);
});

test("a damaged second payload is noticed before anything is installed", async () => {
  const { artifact, target } = await imageAndModule();
  const bytes = await readFile(artifact);
  const at = bytes.indexOf("new files");
  bytes.write("bad", at);
  await writeFile(artifact, bytes);
  const env = await board.env();
  const failed = await board.agent("install", artifact);
  expect([failed.exitCode, codesOf(failed)]).toEqual([1, ["ARTIFACT_CHECKSUM"]]);
  expect([await board.env(), await content(target)]).toEqual([env, "nothing"]);
});

for (const [what, type] of [
  ["of 300 characters", "x".repeat(300)],
  ["with a NUL", "a\0b"],
  ["that is a path", "../files"],
] as const) {
  test(`a payload type ${what} is refused before anything is written`, async () => {
    await recorder.module("files");
    await writeFile(board.file("odd.mender"), severalPayloads("v2", [{ type, files: { "data.bin": "new" } }]));
    const refused = await board.agent("install", board.file("odd.mender"));
    expect([refused.exitCode, codesOf(refused)]).toEqual([1, ["PAYLOAD_UNSUPPORTED"]]);
    expect(await board.pending()).toBeUndefined();
  });
}

for (const [what, put] of [
  ["a file", (path: string) => writeFile(path, "")],
  ["a loop of links", (path: string) => symlink("v3", path)],
] as const) {
  test(`where the folder of modules has become ${what}, 'commit' fails by name and comes to an end`, async () => {
    await recorder.module("files");
    await board.agent("install", await forModule("files"));
    await rename(board.path("share/modules/v3"), board.path("share/modules/old"));
    await put(board.path("share/modules/v3"));
    const committed = await board.agent("commit");
    expect([committed.exitCode, new Set(codesOf(committed))]).toEqual([1, new Set(["PAYLOAD_UNSUPPORTED"])]);
    expect(await board.pending()).toBeUndefined();
  });
}
