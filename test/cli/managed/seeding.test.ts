import { access, copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PayloadRequest } from "../../../src/artifact/artifact-request.ts";
import { requestFor } from "../../artifact/artifact-requests.ts";
import { cli, TestBoard } from "../../support/test-board.ts";
import { writeArtifact } from "../../support/write-artifact.ts";

let board: TestBoard;
beforeEach(async () => {
  board = await TestBoard.make();
});
afterEach(() => board.remove());

const bootstrapFile = (): string => board.path("data/bootstrap.mender");
const PROVIDES = { "rootfs-image.version": "factory", "rootfs-image.checksum": "abc" };

async function writeBootstrap(change: Partial<PayloadRequest> = {}): Promise<void> {
  const payload: PayloadRequest = {
    ...{ kind: "empty", type: "", files: [], provides: PROVIDES, depends: {}, clearsProvides: [] },
    ...change,
  };
  const request = requestFor(payload, { name: "factory-1", group: "batch-7" });
  await writeArtifact(request, bootstrapFile(), () => undefined, new AbortController().signal);
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

test("the bootstrap Artifact sets the software of a new device, and is deleted", async () => {
  await writeBootstrap();
  expect(await board.agent("show-provides")).toMatchObject({
    exitCode: 0,
    out: [
      "artifact_group=batch-7",
      "artifact_name=factory-1",
      "rootfs-image.checksum=abc",
      "rootfs-image.version=factory",
    ],
    err: [],
  });
  expect(await isThere(bootstrapFile())).toBe(false);
});

test("'install' seeds the device before it looks at what the Artifact depends on", async () => {
  await writeBootstrap();
  const artifact = await board.release("v2", "yes", { dependsNames: ["factory-1"], dependsGroups: ["batch-7"] });
  expect(await board.agent("install", artifact)).toMatchObject({ exitCode: 0, err: [] });
});

test("a device with recorded software keeps it, and the bootstrap Artifact is still deleted", async () => {
  expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
  await writeBootstrap();
  expect((await board.agent("install", await board.release("v2"))).exitCode).toBe(0);
  expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
  expect(await isThere(bootstrapFile())).toBe(false);
});

const UNFIT: Readonly<Record<string, () => Promise<void>>> = {
  "is damaged": () => writeFile(bootstrapFile(), "no Artifact"),
  "depends on more than the device type": () => writeBootstrap({ depends: { "data.version": "1" } }),
  "provides nothing": () => writeBootstrap({ provides: {} }),
  async "has a payload"() {
    const file = board.file("data");
    await writeFile(file, "data");
    await writeBootstrap({ kind: "module", type: "single-file", files: [file] });
  },
};

for (const [what, make] of Object.entries(UNFIT)) {
  test(`a bootstrap Artifact that ${what} is logged and deleted, and 'artifact_info' is used`, async () => {
    await make();
    const shown = await board.agent("show-artifact");
    expect(shown).toMatchObject({ exitCode: 0, out: ["v1"], err: [] });
    const code = what === "is damaged" ? "ARTIFACT_TRUNCATED" : "BOOTSTRAP_INVALID";
    expect(shown.log).toEqual([expect.stringContaining(`error: Ignoring the bootstrap Artifact: ${code}: `)]);
    expect(await isThere(bootstrapFile())).toBe(false);
  });
}

test("a device without either runs 'unknown', and reports the same the second time", async () => {
  await rm(board.path("etc/artifact_info"));
  for (let time = 1; time <= 2; time++) {
    expect(await board.agent("show-artifact")).toMatchObject({ exitCode: 0, out: ["unknown"], err: [] });
  }
  expect((await board.agent("show-provides")).out).toEqual(["artifact_name=unknown"]);
});

test("'artifact_info' may hold other lines", async () => {
  await writeFile(board.path("etc/artifact_info"), "# made by a builder\nartifact_name=release-9 \nother=1\n");
  expect((await board.agent("show-artifact")).out).toEqual(["release-9"]);
});

test("a device that was recorded as 'unknown' takes its name when one appears", async () => {
  await rm(board.path("etc/artifact_info"));
  await board.agent("show-artifact");
  expect(await board.stored()).toEqual({ "artifact-name": "unknown" });
  await writeFile(board.path("etc/artifact_info"), "artifact_name=v1\n");
  const artifact = await board.release("v2", "yes", { dependsNames: ["v1"] });
  expect(await board.agent("install", artifact)).toMatchObject({ exitCode: 0, err: [] });
});

test("a name 'unknown' that an Artifact has brought, with provides, stays", async () => {
  const values = { "artifact-name": "unknown", "artifact-provides": '{"a":"1"}' };
  await writeFile(board.path("data/switchback-store"), JSON.stringify({ version: 1, values }));
  expect((await board.agent("show-artifact")).out).toEqual(["unknown"]);
  expect(await board.stored()).toEqual(values);
});

for (const name of ["etc/artifact_info", "data/bootstrap.mender"]) {
  test(`a folder in the place of ${name} is reported, and nothing is recorded`, async () => {
    await rm(board.path("etc/artifact_info"));
    await mkdir(board.path(name));
    const shown = await board.agent("show-artifact");
    expect(shown).toMatchObject({ exitCode: 0, out: ["unknown"], err: [] });
    expect(shown.log.join()).toContain(board.path(name));
    expect(await board.stored()).toEqual({});
  });
}

test("a line of 'artifact_info' may begin with a blank, and end as on Windows", async () => {
  await writeFile(board.path("etc/artifact_info"), " artifact_name=release-9\r\n");
  expect((await board.agent("show-artifact")).out).toEqual(["release-9"]);
});

test("a configuration file elsewhere does not take the board's name from it", async () => {
  const config = board.file("elsewhere.conf");
  await copyFile(board.path("etc/mender.conf"), config);
  const shown = await cli("switchback", ["-c", config, "-d", board.path("data"), "show-artifact"]);
  expect(shown).toMatchObject({ exitCode: 0, out: ["v1"] });
});

test("'show-artifact' makes no datastore where a name is mistyped, and shows what it would record", async () => {
  const typo = board.file("typo");
  const shown = await cli("switchback", ["-c", board.path("etc/mender.conf"), "-d", typo, "show-artifact"]);
  expect(shown).toMatchObject({ exitCode: 0, out: ["v1"], err: [] });
  expect(await isThere(typo)).toBe(false);
});

test("'show-artifact' shows the name where nothing can be recorded", async () => {
  const shown = await cli("switchback", ["-c", board.path("etc/mender.conf"), "-d", "/proc/self", "show-artifact"]);
  expect(shown).toMatchObject({ exitCode: 0, out: ["v1"], err: [] });
});
