import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SKELETONS } from "../../src/cli/adapter/skeletons.ts";
import { PAYLOAD_CONTRACT } from "../../src/contracts/payload-handler.ts";
import { PAYLOAD_STORAGE_CONTRACT } from "../../src/contracts/payload-storage.ts";
import { cli, MEMORY_FOLDER } from "./test-board.ts";

const PROMISES = PAYLOAD_CONTRACT.length + PAYLOAD_STORAGE_CONTRACT.length;

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(MEMORY_FOLDER, "switchback-cli-module-"));
});
afterEach(() => rm(dir, { recursive: true }));

/** What somebody fills the skeleton with, for a payload that is one file. */
const BODIES: Readonly<Record<string, string>> = {
  ArtifactInstall: `if [ ! -e tmp/previous ] && [ ! -e tmp/absent ]; then
		if [ -e "$root/installed" ]; then
			cp "$root/installed" tmp/saved
			sync tmp/saved
			mv tmp/saved tmp/previous
		else
			: >tmp/absent
		fi
		sync tmp
	fi
	cp files/payload.bin "$root/installed.new"
	sync "$root/installed.new"
	mv "$root/installed.new" "$root/installed"
	sync "$root"`,
  ArtifactRollback: `rm -f "$root/installed.new"
	if [ -e tmp/previous ]; then
		cp tmp/previous "$root/installed.new"
		sync "$root/installed.new"
		mv "$root/installed.new" "$root/installed"
	elif [ -e tmp/absent ]; then
		rm -f "$root/installed"
	fi
	sync "$root"`,
  SupportsRollback: "echo Yes",
  NeedsArtifactReboot: "echo No",
};

function filledIn(): string {
  let code = SKELETONS.payload.sh("toy");
  for (const [state, body] of Object.entries(BODIES)) code = code.replace(`unfilled ${state}\n`, () => `${body}\n`);
  return code;
}

async function check(code: string, ...options: readonly string[]) {
  const path = join(dir, "toy");
  await writeFile(path, code, { mode: 0o755 });
  const result = await cli("switchback", ["adapter", "check", "--kind", "payload", path, "--json", ...options]);
  const verdicts = result.out.map((line): { promise: string; kept: boolean; reason?: string } => JSON.parse(line));
  return { ...result, kept: verdicts.filter(({ kept }) => kept).length, broken: verdicts.filter(({ kept }) => !kept) };
}

test("the shell skeleton of an update module that is not filled in fails the check, and is told in which state", async () => {
  const { exitCode, broken } = await check(SKELETONS.payload.sh("toy"), "--only", "a second time nothing more");
  expect({ exitCode, reason: broken[0]?.reason }).toEqual({
    exitCode: 1,
    reason: expect.stringMatching(/^MODULE_FAILED.*call=ArtifactInstall/),
  });
});

test("the shell skeleton of an update module passes the check once it is filled in", async () => {
  const { exitCode, broken, kept, err } = await check(filledIn());
  expect({ exitCode, broken, kept, err }).toEqual({ exitCode: 0, broken: [], kept: PROMISES, err: [] });
}, 180_000);

test("the update module of the guide passes the check", async () => {
  const guide = await readFile("docs/guides/update-modules.md", "utf8");
  const [, module = ""] = /```sh\n(#!\/bin\/sh\n[\s\S]*?)```/.exec(guide) ?? [];
  const { exitCode, broken, kept } = await check(module);
  expect({ exitCode, broken, kept }).toEqual({ exitCode: 0, broken: [], kept: PROMISES });
}, 180_000);

test("and is clean for shellcheck", async () => {
  await check(filledIn(), "--only", "downloading installs nothing");
  const options = ["--shell=sh", "--severity=warning", join(dir, "toy")];
  const { stdout, status } = spawnSync("shellcheck", options, { encoding: "utf8" });
  expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
});

const SABOTAGES: Readonly<Record<string, readonly [from: string, to: string, promise: string]>> = {
  "does not sync what it installs": [
    'mv "$root/installed.new" "$root/installed"\n\tsync "$root"',
    'mv "$root/installed.new" "$root/installed"',
    "what was installed survives a loss of power",
  ],
  "overwrites in place, and leaves half of it when it is rolled back": [
    'rm -f "$root/installed.new"\n',
    ":\n",
    "a power cut anywhere in ArtifactInstall leaves a way back to what was there before",
  ],
  "deletes what was there before": [
    BODIES["ArtifactRollback"] ?? "",
    'rm -f "$root/installed.new" "$root/installed"; sync "$root"',
    "rolling back before the restart brings back what was there before, over an earlier version",
  ],
  "saves the new version over the way back when it is called twice": [
    "if [ ! -e tmp/previous ] && [ ! -e tmp/absent ]; then",
    "if :; then",
    "installing twice leaves the same way back, over an earlier version",
  ],
  "says that all is well when nothing could be stored": [
    "if [ ! -e tmp/previous ] && [ ! -e tmp/absent ]; then",
    'trap "exit 0" EXIT\n\tif [ ! -e tmp/previous ] && [ ! -e tmp/absent ]; then',
    "installing fails when nothing can be stored, and says so",
  ],
};

describe("an update module fails by the name of the promise that it breaks", () => {
  for (const [mistake, [from, to, promise]] of Object.entries(SABOTAGES)) {
    test(`one that ${mistake}`, async () => {
      const code = filledIn();
      expect(code).toContain(from);
      const { broken } = await check(
        code.replace(from, () => to),
        "--only",
        promise,
      );
      expect(broken.map((verdict) => verdict.promise)).toContain(promise);
    });
  }
});
