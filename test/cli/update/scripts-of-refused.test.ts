import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ArtifactRequest } from "../../../src/artifact/artifact-request.ts";
import { moduleRequest, rootfsRequest } from "../../artifact/artifact-requests.ts";
import { codesOf, TestBoard } from "../../support/test-board.ts";

const NEW = "ArtifactInstall_Enter_01";
const OLD = "ArtifactCommit_Leave_01";
/** Larger than one chunk of every reader. */
const TEXT = `#!/bin/sh\nexit 0\n${"#".repeat(600_000)}`;

let board: TestBoard;
let script: string;
beforeEach(async () => {
  board = await TestBoard.make();
  // Seeds the store.
  expect((await board.agent("show-artifact")).out).toEqual(["v1"]);
  script = board.file(NEW);
  await writeFile(script, TEXT);
});
afterEach(() => board.remove());

/** Every file of the folder for scripts and its modification time; `undefined` if the folder does not exist. */
async function scriptFolder(): Promise<readonly (readonly [string, number, string])[] | undefined> {
  const folder = board.path("data/scripts");
  const names = await readdir(folder).catch(() => {
    // ignored: most boards have no such folder.
    return undefined;
  });
  const looked = names?.sort().map(async (name) => {
    const path = join(folder, name);
    const found = await stat(path);
    return [name, found.mtimeMs, found.isFile() ? await readFile(path, "utf8") : "no file"] as const;
  });
  return looked && (await Promise.all(looked));
}

const write = async (change: Partial<ArtifactRequest> = {}): Promise<string> =>
  board.write({
    ...rootfsRequest(await board.image("v2")),
    name: "v2",
    scripts: [script],
    compression: "none",
    ...change,
  });

async function changed(change: (bytes: Buffer, textAt: number) => Buffer): Promise<string> {
  const path = await write();
  const bytes = await readFile(path);
  await writeFile(path, change(bytes, bytes.indexOf(TEXT.slice(0, 100))));
  return path;
}

const REFUSED: readonly (readonly [why: string, code: string, artifact: () => Promise<string>])[] = [
  ["for another type of device", "DEVICE_TYPE_MISMATCH", () => write({ deviceTypes: ["board-b"] })],
  ["that depends on another one", "DEPENDS_MISMATCH", () => write({ dependsNames: ["v0"] })],
  [
    "for a module that is not there",
    "PAYLOAD_UNSUPPORTED",
    () => board.write({ ...moduleRequest({ files: [script] }), scripts: [script] }),
  ],
  [
    "whose script has a wrong byte",
    "ARTIFACT_CHECKSUM",
    () =>
      changed((bytes, textAt) => {
        bytes.write("!", textAt + 500_000);
        return bytes;
      }),
  ],
  [
    "cut off within its script",
    "ARTIFACT_TRUNCATED",
    () => changed((bytes, textAt) => bytes.subarray(0, textAt + 500_000)),
  ],
];

for (const [why, code, artifact] of REFUSED) {
  test(`an Artifact ${why} adds no script and removes none`, async () => {
    const path = await artifact();
    expect(codesOf(await board.agent("install", path))).toEqual([code]);
    expect(await scriptFolder()).toBeUndefined();
    await mkdir(board.path("data/scripts"));
    await writeFile(board.path(`data/scripts/${OLD}`), "#!/bin/sh\n");
    const before = await scriptFolder();
    expect(codesOf(await board.agent("install", path))).toEqual([code]);
    expect(await scriptFolder()).toEqual(before);
  });
}

test("an Artifact that is for the device puts its scripts in the place of the old ones", async () => {
  await mkdir(board.path("data/scripts"));
  await writeFile(board.path(`data/scripts/${OLD}`), "#!/bin/sh\n");
  expect((await board.agent("install", await write())).exitCode).toBe(0);
  expect((await scriptFolder())?.map(([name, , text]) => [name, text])).toEqual([
    [NEW, TEXT],
    ["version", "3"],
  ]);
});

for (const command of ["resume", "commit", "rollback"]) {
  test(`${command} sweeps away what an agent had stored when it lost its power`, async () => {
    await mkdir(board.path("data/scripts/.staged"), { recursive: true });
    await writeFile(board.path(`data/scripts/.staged/${NEW}`), TEXT.slice(0, 1000));
    expect((await board.agent(command)).exitCode).toBe(2);
    expect(await scriptFolder()).toEqual([]);
  });
}
