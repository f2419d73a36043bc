import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SKELETONS } from "../../../src/cli/adapter/skeletons.ts";
import { PAYLOAD_CONTRACT } from "../../../src/contracts/payload-handler.ts";
import { PAYLOAD_READ_CONTRACT } from "../../../src/contracts/payload-reads.ts";
import { PAYLOAD_STORAGE_CONTRACT } from "../../../src/contracts/payload-storage.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import { RecordingIo } from "../../support/recording-io.ts";
import { cli, codesOf, MEMORY_FOLDER, TestBoard } from "../../support/test-board.ts";

const PROMISES = PAYLOAD_CONTRACT.length + PAYLOAD_STORAGE_CONTRACT.length + PAYLOAD_READ_CONTRACT.length;

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(MEMORY_FOLDER, "switchback-cli-payload-"));
});
afterEach(() => rm(dir, { recursive: true }));

/** A user's code in the skeleton, for a payload that is one file. */
const INSTALL = `await files.rename(fresh, target);
            await files.syncFolder(context.root);`;
const SAVE = `if ((await files.read(previous)) === undefined && (await files.read(absent)) === undefined) {
              const found = await files.read(target);
              await files.writeSynced(context.folder + "/saved", found ?? "", 0o644);
              await files.rename(context.folder + "/saved", found === undefined ? absent : previous);
              await files.syncFolder(context.folder);
            }`;
const ROLLBACK = `const kept = await files.read(previous);
            if (kept !== undefined) {
              await files.writeSynced(context.folder + "/back", kept, 0o644);
              await files.rename(context.folder + "/back", target);
            } else if ((await files.read(absent)) !== undefined) await files.remove(target);
            await files.syncFolder(context.root);`;

function payloadModule(from = "", to = ""): string {
  const code = SKELETONS.payload
    .js("toy")
    .replace(
      "    return {",
      () => `    const { files } = context;
    const target = context.root + "/installed";
    const [fresh, previous, absent] = ["fresh", "previous", "absent"].map((name) => context.folder + "/" + name);
    return {`,
    )
    .replace('throw unfilled("download");', () => {
      return `for (let file = await payload.next(); file !== undefined; file = await payload.next()) {
          const content = file;
          await files.storeSynced(fresh, (into) => content.read(into), 0o644);
        }
        await files.syncFolder(context.folder);`;
    })
    .replace(
      'throw unfilled("act");',
      () => `if ((await files.read(fresh)) === undefined) return;\n${SAVE}\n${INSTALL}`,
    )
    .replace('throw unfilled("act");', () => ROLLBACK)
    .replace('throw unfilled("needsReboot");', 'return "No";')
    .replace('throw unfilled("supportsRollback");', "return true;");
  if (!code.includes(from)) throw new Error(`the toy has no ${from}`);
  return code.replace(from, () => to);
}

async function check(code: string, ...options: readonly string[]) {
  const path = join(dir, "toy.mjs");
  await writeFile(path, code);
  const result = await cli("switchback", ["adapter", "check", "--kind", "payload", path, "--json", ...options]);
  const verdicts = result.out.map((line): { promise: string; kept: boolean; reason?: string } => JSON.parse(line));
  return { ...result, verdicts, broken: verdicts.filter(({ kept }) => !kept) };
}

test("the check names what is missing from an unfinished skeleton for payloads", async () => {
  const { exitCode, err } = await check(SKELETONS.payload.js("toy"));
  expect({ exitCode, missing: /missing=(.*)\)/.exec(err.join())?.[1] }).toEqual({
    exitCode: 1,
    missing: "download, act, needsReboot, supportsRollback",
  });
});

test("a skeleton for payloads passes the check once its functions are filled in", async () => {
  const { exitCode, verdicts, broken, err } = await check(payloadModule());
  expect({ exitCode, broken, promises: verdicts.length, err }).toEqual({
    exitCode: 0,
    broken: [],
    promises: PROMISES,
    err: [],
  });
});

/** Installs files with `replace`, and rolls new files back with `remove`. */
const REPLACE = "await files.replace(target, await files.read(fresh));";
const UNDO = `const kept = await files.read(previous);
            if (kept !== undefined) await files.replace(target, kept);
            else if ((await files.read(absent)) !== undefined) {
              await files.remove(target);
              await files.syncFolder(context.root);
            }`;
const replacingModule = (undo = UNDO): string => payloadModule(INSTALL, REPLACE).replace(ROLLBACK, () => undo);

test("a module that installs by `files.replace` passes the check", async () => {
  const { exitCode, verdicts, broken, err } = await check(replacingModule());
  expect({ exitCode, broken, promises: verdicts.length, err }).toEqual({
    exitCode: 0,
    broken: [],
    promises: PROMISES,
    err: [],
  });
});

test("a module whose rollback leaves the temporary file of an interrupted `files.replace` is named", async () => {
  const promise = "after a power cut anywhere in ArtifactInstall, ArtifactRollback restores the previous state";
  const undo = UNDO.replace("await files.remove(target);", "if (await files.read(target)) await files.remove(target);");
  const { exitCode, broken } = await check(replacingModule(undo), "--only", promise);
  expect({ exitCode, promises: broken.map((verdict) => verdict.promise) }).toEqual({
    exitCode: 1,
    promises: [promise],
  });
  expect(broken[0]?.reason).toMatch(/installed\.[0-9a-f]{12}\.new exists, but was not expected/);
});

/** The end of a promise's title depends on the content that is installed before. */
const [NOTHING, EARLIER, HALF] = ["", ", over an earlier version", ", over half of an earlier version"];

/**
 * Each row is a good module with one mistake, the name of the promise that fails, and the starting points at which it
 * fails (default: all).
 */
const SABOTAGES: Readonly<
  Record<string, readonly [from: string, to: string, promise: string, starts?: readonly string[]]>
> = {
  "installs while it downloads": [
    "await files.storeSynced(fresh",
    'await files.storeSynced(context.root + "/installed"',
    "downloading installs nothing",
  ],
  "takes a damaged payload for a good one": [
    "(into) => content.read(into), 0o644)",
    '(into) => content.read(into), 0o644).catch(() => files.writeSynced(context.root + "/installed", "", 0o644))',
    "the handler rejects a damaged payload during the download and installs nothing",
  ],
  "does not sync what it installs": [
    INSTALL,
    "await files.rename(fresh, target);",
    "an installed update survives a loss of power",
  ],
  "installs in vain": [
    INSTALL,
    "return;",
    "ArtifactInstall installs the update, and a second ArtifactInstall changes nothing more",
  ],
  "rolls nothing back": [ROLLBACK, "return;", "ArtifactRollback before the restart restores the previous state"],
  "deletes what was there before": [
    ROLLBACK,
    "await files.remove(target); await files.syncFolder(context.root);",
    "ArtifactRollback before the restart restores the previous state",
    [EARLIER, HALF],
  ],
  "forgets the way back with its process": [
    ROLLBACK,
    "if (this.installed) await files.remove(target);",
    "ArtifactRollback restores the previous state, even in a new process and when it is repeated",
  ],
  "swallows every error": [
    "async act(action, signal) {",
    "act(...given) { return this.really(...given).catch(() => undefined /* ignored: the mistake */); }, async really(action) {",
    "ArtifactInstall reports an error when writes to storage fail",
  ],
  "takes what it cannot read for what is not there": [
    "const found = await files.read(target);",
    "const found = await files.read(target).catch(() => undefined /* ignored: the mistake */);",
    "if a read fails, ArtifactInstall fails or completes, and ArtifactRollback still works",
    [EARLIER, HALF],
  ],
  "finds no way back where it cannot be read, and says that all is well": [
    "const kept = await files.read(previous);",
    "const kept = await files.read(previous).catch(() => undefined /* ignored: the mistake */);",
    "if a read fails, ArtifactRollback fails or completes, and can be repeated",
    [EARLIER, HALF],
  ],
};

describe("a module for payloads fails by the name of the promise that it breaks", () => {
  for (const [mistake, [from, to, promise, starts = [NOTHING, EARLIER, HALF]]] of Object.entries(SABOTAGES)) {
    test(`one that ${mistake}`, async () => {
      const promises = starts.map((start) => `${promise}${start}`);
      const { exitCode, broken } = await check(payloadModule(from, to), "--only", promise);
      expect({ exitCode, broken: broken.map((verdict) => verdict.promise) }).toEqual({ exitCode: 1, broken: promises });
    });
  }
});

describe("on a board", () => {
  let board: TestBoard;
  beforeEach(async () => {
    board = await TestBoard.make({ parent: MEMORY_FOLDER });
  });
  afterEach(() => board.remove());

  async function configure(choice: object): Promise<void> {
    await writeFile(board.path("etc/toy.mjs"), payloadModule());
    await board.configure({
      Switchback: { Bootloader: "fake", Board: board.dir, Payloads: { "rootfs-image": choice } },
    });
  }

  test("a type of payload that the configuration names is installed by its module, and leaves no folder", async () => {
    await configure({ Module: "./toy.mjs" });
    const image = await board.image("v2");
    expect(await board.agent("install", await board.release("v2"))).toMatchObject({ exitCode: 0, err: [] });
    expect((await readFile(board.path("installed"))).equals(await readFile(image))).toBe(true);
    expect((await board.agent("commit")).exitCode).toBe(0);
    await expect(stat(board.path("data/adapters/payloads/0000"))).rejects.toThrow("ENOENT");
  });

  test("a program for a payload is an update module, and the error in the configuration says so", async () => {
    await configure({ Program: "./toy.sh" });
    const result = await board.agent("install", await board.release("v2"));
    expect(codesOf(result)).toEqual(["CONFIG_INVALID"]);
    expect(result.err.join()).toMatch(/is an update module/);
  });
});

test("a check of an adapter that cannot install comes to its end", async () => {
  const { exitCode, broken } = await check(payloadModule(INSTALL, 'throw new Error("no");'), "--only", "power cut");
  expect(exitCode).toBe(1);
  expect(broken[0]?.reason).toMatch(/ADAPTER_FAILED.*request=ArtifactInstall/);
});

test("a check of an adapter that does not answer is stopped by a signal", async () => {
  const path = join(dir, "toy.mjs");
  await writeFile(path, payloadModule(INSTALL, "await new Promise(() => undefined);"));
  const io = new RecordingIo();
  const checking = cli("switchback", ["adapter", "check", "--kind", "payload", path], io);
  setTimeout(() => io.interrupt.abort(new AgentError("CANCELLED")), 200);
  expect(codesOf(await checking)).toEqual(["CANCELLED"]);
});
