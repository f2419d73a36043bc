import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SKELETONS } from "../../../src/cli/adapter/skeletons.ts";
import { PAYLOAD_CONTRACT } from "../../../src/contracts/payload-handler.ts";
import { PAYLOAD_READ_CONTRACT } from "../../../src/contracts/payload-reads.ts";
import { PAYLOAD_STORAGE_CONTRACT } from "../../../src/contracts/payload-storage.ts";
import { needs } from "../../support/needs.ts";
import { cli, MEMORY_FOLDER } from "../../support/test-board.ts";

const PROMISES = PAYLOAD_CONTRACT.length + PAYLOAD_STORAGE_CONTRACT.length + PAYLOAD_READ_CONTRACT.length;

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(MEMORY_FOLDER, "switchback-cli-module-"));
});
afterEach(() => rm(dir, { recursive: true }));

/** A user's code in the skeleton, for a payload that is one file. */
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

test("the check names the failing state of an unfinished shell skeleton of an update module", async () => {
  const { exitCode, broken } = await check(SKELETONS.payload.sh("toy"), "--only", "changes nothing more");
  expect({ exitCode, reason: broken[0]?.reason }).toEqual({
    exitCode: 1,
    reason: expect.stringMatching(/^MODULE_FAILED.*call=ArtifactInstall/),
  });
});

test("the shell skeleton of an update module passes the check once it is filled in", async () => {
  const { exitCode, broken, kept, err } = await check(filledIn());
  expect({ exitCode, broken, kept, err }).toEqual({ exitCode: 0, broken: [], kept: PROMISES, err: [] });
});

test("the update module of the guide passes the check", async () => {
  const guide = await readFile("docs/guides/update-modules.md", "utf8");
  const [, module = ""] = /```sh\n(#!\/bin\/sh\n[\s\S]*?)```/.exec(guide) ?? [];
  const { exitCode, broken, kept } = await check(module);
  expect({ exitCode, broken, kept }).toEqual({ exitCode: 0, broken: [], kept: PROMISES });
});

test("and is clean for shellcheck", async () => {
  await check(filledIn(), "--only", "downloading installs nothing");
  const options = ["--shell=sh", "--severity=warning", join(dir, "toy")];
  const { stdout, status } = spawnSync("shellcheck", options, { encoding: "utf8" });
  expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
});

needs("ownRoot", "ptrace").describe("an update module that does not know the check", () => {
  /** Its files have the same paths as on a device. */
  const foreign = filledIn().replace(/^root=.*$/m, "root=/srv");

  test("is held against the promises in a root of its own, and leaves the machine alone", async () => {
    expect(foreign).not.toContain("SWITCHBACK_ROOT");
    const { exitCode, broken, kept, err } = await check(foreign, "--only", "survives a loss of power");
    expect({ exitCode, broken, kept: kept > 0, err }).toEqual({ exitCode: 0, broken: [], kept: true, err: [] });
    expect(existsSync("/srv/installed")).toBe(false);
  });

  for (const mistake of ["does not sync what it installs", "says that all is well when nothing could be stored"]) {
    test(`the check also finds it there: it ${mistake}`, async () => {
      const [from = "", to = "", promise = ""] = SABOTAGES[mistake] ?? [];
      expect(foreign).toContain(from);
      expect((await check(foreign.replace(from, to), "--only", promise)).broken[0]?.promise).toContain(promise);
    });
  }
});

/** The end of a promise's title depends on the content that is installed before. */
const [NOTHING, EARLIER, HALF] = ["", ", over an earlier version", ", over half of an earlier version"];
const SAVES_ONCE = "if [ ! -e tmp/previous ] && [ ! -e tmp/absent ]; then";

/**
 * Each row is one mistake, the name of the promise that finds it, and the starting points at which it fails (default:
 * all).
 */
const SABOTAGES: Readonly<
  Record<string, readonly [from: string, to: string, promise: string, starts?: readonly string[]]>
> = {
  "does not sync what it installs": [
    'mv "$root/installed.new" "$root/installed"\n\tsync "$root"',
    'mv "$root/installed.new" "$root/installed"',
    "an installed update survives a loss of power",
  ],
  "leaves half of a file when it is rolled back": [
    'rm -f "$root/installed.new"\n',
    ":\n",
    "after a power cut anywhere in ArtifactInstall, ArtifactRollback restores the previous state",
    // The rollback of an existing file uses the same name.
    [NOTHING],
  ],
  "deletes what was there before": [
    BODIES["ArtifactRollback"] ?? "",
    'rm -f "$root/installed.new" "$root/installed"; sync "$root"',
    "ArtifactRollback before the restart restores the previous state",
    [EARLIER, HALF],
  ],
  "saves the new version over the way back when it is called twice": [
    SAVES_ONCE,
    "if :; then",
    "after a second ArtifactInstall, ArtifactRollback still restores the previous state",
  ],
  "says that all is well when nothing could be stored": [
    SAVES_ONCE,
    `trap "exit 0" EXIT\n\t${SAVES_ONCE}`,
    "ArtifactInstall reports an error when writes to storage fail",
  ],
  "copies by $(...), and takes what it cannot read for an empty file": [
    'cp "$root/installed" tmp/saved',
    'printf "%s" "$(cat "$root/installed")" >tmp/saved',
    "if a read fails, ArtifactInstall fails or completes, and ArtifactRollback still works",
    [EARLIER, HALF],
  ],
};

describe("an update module fails by the name of the promise that it breaks", () => {
  for (const [mistake, [from, to, promise, starts = [NOTHING, EARLIER, HALF]]] of Object.entries(SABOTAGES)) {
    test(`one that ${mistake}`, async () => {
      const code = filledIn();
      expect(code).toContain(from);
      const spoiled = code.replace(from, () => to);
      const { broken } = await check(spoiled, "--only", promise);
      expect(broken.map((verdict) => verdict.promise)).toEqual(starts.map((start) => `${promise}${start}`));
    });
  }
});

/**
 * A common mistake: the module saves the old content, but does not expect a second call or a device without old
 * content.
 */
const NAIVE = `#!/bin/sh
set -eu
app=$SWITCHBACK_ROOT/srv/app
case "$1" in
NeedsArtifactReboot) echo No ;;
SupportsRollback) echo Yes ;;
ArtifactInstall)
	mkdir -p "\${app%/*}"
	[ ! -e "$app" ] || cp -a "$app" tmp/previous
	cp files/* "$app.new"; sync "$app.new"; mv "$app.new" "$app"
	;;
ArtifactRollback) [ ! -e tmp/previous ] || cp -a tmp/previous "$app" ;;
esac
`;

test("the check reports in words a module that can no longer roll back after a second call", async () => {
  const { broken, exitCode } = await check(NAIVE, "--only", "after a second ArtifactInstall");
  const where = "after ArtifactInstall twice, then ArtifactRollback: srv/app";
  expect({ exitCode, broken: broken.map(({ promise, reason }) => `${promise}: ${reason}`) }).toEqual({
    exitCode: 1,
    broken: [
      `after a second ArtifactInstall, ArtifactRollback still restores the previous state: ${where} exists, but was not expected`,
      `after a second ArtifactInstall, ArtifactRollback still restores the previous state, over an earlier version: ${where} has unexpected content`,
      `after a second ArtifactInstall, ArtifactRollback still restores the previous state, over half of an earlier version: ${where} has unexpected content`,
    ],
  });
});
