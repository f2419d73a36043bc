import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createFileStore } from "../../../adapters/store/file-store.ts";
import { createJournal } from "../../../src/core/deployment/journal.ts";
import { begin, type Snapshot } from "../../../src/core/deployment/snapshot.ts";
import { codesOf, TestBoard } from "../../support/test-board.ts";
import { toyModule } from "../adapter/toy.ts";

const KEY = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" });
let board: TestBoard;
beforeEach(async () => {
  board = await TestBoard.make();
  await writeFile(board.file("key.pem"), KEY);
  await board.configure({ ArtifactVerifyKey: board.file("key.pem") });
});
afterEach(() => board.remove());

/** The problems, with the board's folder as BOARD. */
async function complaints(): Promise<readonly string[]> {
  const { out, err, exitCode } = await board.agent("doctor");
  const lines = out.filter((line) => /^(?:wrong|warning|\s+->)/.test(line));
  expect(err).toEqual([]);
  expect(exitCode).toBe(lines.some((line) => line.startsWith("wrong")) ? 1 : 0);
  return lines.map((line) => line.replaceAll(board.dir, "BOARD").replaceAll(board.folder, "FOLDER"));
}

const expectSlotsSeen = async (): Promise<void> =>
  expect((await board.agent("doctor")).out).toContain(`ok       slot B: ${board.path("slots/rootfs3")}, file, 256 KiB`);

test("a board that is off is one finding, and its slots are still examined", async () => {
  await writeFile(board.path("proc/cmdline"), "");
  expect(await complaints()).toEqual([
    "wrong    boot: BOARD_OFF: Nothing runs on the virtual board. Start it with `switchback board boot`. (board=BOARD)",
    "         -> switchback board boot BOARD",
  ]);
  await expectSlotsSeen();
});

test("a misspelt boot loader is one finding, and the slots are still examined", async () => {
  await board.configure({ Switchback: { Bootloader: "ubot" } });
  const { out } = await board.agent("doctor");
  expect(out.filter((line) => line.includes("ubot"))).toEqual([
    expect.stringMatching(/^wrong {4}boot: CONFIG_INVALID: .*key=Switchback.Bootloader, value=ubot/),
  ]);
  await expectSlotsSeen();
});

test("a broken adapter is one finding, although several facts depend on it", async () => {
  for (const [name, changes, reason] of [
    ["booted", { booted: 'throw new Error("no such bus");' }, "no such bus"],
    ["plan", { plan: "return 3;" }, "plan"],
  ] as const) {
    await writeFile(board.path(`etc/${name}.mjs`), toyModule(changes));
    await board.configure({ Switchback: { Board: board.dir, Bootloader: { Module: `./${name}.mjs` } } });
    const wrong = (await complaints()).filter((line) => line.startsWith("wrong    boot") || line.includes(reason));
    expect([wrong.length, wrong[0]]).toEqual([1, expect.stringContaining(reason)]);
    await expectSlotsSeen();
  }
});

test("a datastore that links into an unmounted partition is reported, and the lock's error names it too", async () => {
  await rename(board.path("data"), board.file("unmounted"));
  await symlink(board.file("partition/mender"), board.path("data"));
  expect(await complaints()).toEqual([
    "wrong    data partition: not mounted: BOARD/data leads to FOLDER/partition/mender, which does not exist",
    "         -> Mount the data partition before the agent starts (/etc/fstab).",
  ]);
  const refused = await board.agent("install", await board.release("v2"));
  expect(codesOf(refused)).toEqual(["LOCK_FAILED"]);
  expect(refused.err[0]).toContain(
    `reason=a link leads to ${board.file("partition/mender")}, which does not exist; is the data partition mounted?`,
  );
});

const pending = async (change: Partial<Snapshot>): Promise<void> => {
  const artifact = { name: "v2", provides: {}, payloadTypes: ["rootfs-image"] };
  const journal = createJournal(createFileStore(board.path("data"), () => undefined));
  await journal.save({ ...begin("standalone", "standalone", artifact), ...change }, new Map());
};

test.each([
  [
    "cut off in its download",
    {},
    [
      "warning  pending update: v2, at download, interrupted",
      "         -> Run 'switchback resume' to finish it. The next install does so, too.",
    ],
  ],
  [
    "cut off on its way back",
    { state: "rollback" },
    [
      "wrong    pending update: v2, at rollback",
      "         -> Finish it with 'switchback resume', or undo it with 'switchback rollback', before the next update.",
    ],
  ],
  [
    "cut off in a failure",
    { state: "failure", failed: true },
    [
      "wrong    pending update: v2, at failure",
      "         -> Finish it with 'switchback resume' before the next update.",
    ],
  ],
  [
    "of the server",
    { mode: "managed", state: "install" },
    [
      "wrong    pending update: v2, at install, a deployment of the server",
      "         -> Let 'switchback daemon' or 'switchback poll' finish it.",
    ],
  ],
] satisfies readonly (readonly [string, Partial<Snapshot>, readonly string[]])[])(
  "for an update %s the doctor names the command that helps",
  async (_, change, lines) => {
    await pending(change);
    expect(await complaints()).toEqual(lines);
  },
);

test("both configuration files that are damaged are named, and nothing that follows from it", async () => {
  await writeFile(board.path("etc/mender.conf"), "{,");
  await writeFile(board.path("data/mender.conf"), '{"ServerURL": }');
  const lines = (await complaints()).filter((line) => line.includes("CONFIG_INVALID"));
  expect(lines).toEqual([
    expect.stringMatching(/^wrong {4}configuration: .*file=BOARD\/data\/mender.conf, line=1, column=15/),
    expect.stringMatching(/^wrong {4}configuration: .*file=BOARD\/etc\/mender.conf, line=1, column=2/),
  ]);
});

test("of a key in both files it is said which one holds, and of a wrong one in which it stands", async () => {
  await writeFile(board.path("data/mender.conf"), '{\n"RetryDownloadCount": 0, "RootfsPartA": "/dev/old"}');
  await board.configure({});
  const { out } = await board.agent("doctor");
  const conf = board.path("etc/mender.conf");
  const place = /"RootfsPartA"/.test((await readFile(conf, "utf8")).split("\n")[0] ?? "") ? `${conf}, line 1` : "";
  expect(out).toContain(
    `ok       configuration: RootfsPartA is set in two files: ${place}, overrides ${board.path("data/mender.conf")}, line 2`,
  );
  expect(await complaints()).toEqual([
    expect.stringMatching(/^wrong {4}configuration: CONFIG_INVALID: .*key=RetryDownloadCount/),
    "         -> Correct it in mender.conf, or remove it. (RetryDownloadCount is set in BOARD/data/mender.conf, line 2)",
  ]);
});

const IDENTITY = "share/identity/mender-device-identity";

test.each([
  [
    "missing",
    () => rm(board.path(IDENTITY)),
    [
      `wrong    BOARD/${IDENTITY}: does not exist, so no server accepts the device`,
      "         -> Install one, such as the shipped identity/mender-device-identity.",
    ],
  ],
  [
    "not executable",
    () => chmod(board.path(IDENTITY), 0o644),
    [`wrong    BOARD/${IDENTITY}: not executable`, `         -> chmod +x BOARD/${IDENTITY}`],
  ],
  [
    "written for a shell that is not there",
    () => script("#!/bin/nosh\n"),
    [
      `wrong    BOARD/${IDENTITY}: its interpreter /bin/nosh is missing or not executable`,
      "         -> Correct the script's first line.",
    ],
  ],
  [
    "failing",
    () => script("#!/bin/sh\nexit 3\n"),
    [
      `wrong    identity: IDENTITY_FAILED: The identity script failed or printed no valid identity. (script=BOARD/${IDENTITY}, status=3)`,
      `         -> Make BOARD/${IDENTITY} print lines key=value that never change, and end with exit status 0.`,
    ],
  ],
] as const)("an identity script that is %s is named", async (_, damage, lines) => {
  await board.configure({ ServerURL: "https://127.0.0.1:1" });
  await mkdir(board.path("share/identity"));
  await script("#!/bin/sh\necho mac=00:11\n");
  const ok = `ok       ${board.path(IDENTITY)}: {"mac":"00:11"}`;
  expect((await board.agent("doctor")).out).toContain(ok);
  await rm(board.path(IDENTITY));
  await script("");
  await damage();
  expect((await complaints()).slice(0, 2)).toEqual(lines);
});

/** Creates the file again, so that its mode is 0755. */
async function script(text: string): Promise<void> {
  await rm(board.path(IDENTITY), { force: true });
  await writeFile(board.path(IDENTITY), text, { mode: 0o755 });
}

test("a state script and a module whose interpreter is missing are named", async () => {
  await writeFile(board.path("etc/scripts/version"), "3");
  await writeFile(board.path("etc/scripts/Idle_Enter_00"), "#!/usr/bin/env nosh\n", { mode: 0o755 });
  await writeFile(board.path("share/modules/v3/deb"), "#!/bin/nosh -e\n", { mode: 0o755 });
  expect(await complaints()).toEqual([
    "wrong    BOARD/etc/scripts/Idle_Enter_00: cannot start: its interpreter nosh is missing or not executable",
    "         -> To see what each script needs: switchback state-scripts check BOARD/etc/scripts --for rootfs",
    "wrong    BOARD/share/modules/v3/deb: its interpreter /bin/nosh is missing or not executable, so its payloads fail",
    "         -> Install /bin/nosh, or correct the first line of BOARD/share/modules/v3/deb.",
  ]);
});
