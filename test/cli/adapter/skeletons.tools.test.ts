import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SKELETONS } from "../../../src/cli/adapter/skeletons.ts";
import { cli, MEMORY_FOLDER } from "../../support/test-board.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(MEMORY_FOLDER, "switchback-cli-skeleton-"));
});
afterEach(() => rm(dir, { recursive: true }));

async function put(code: string, name = "toy.sh"): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, code, { mode: 0o755 });
  return path;
}

async function check(...argv: readonly string[]) {
  const result = await cli("switchback", ["adapter", "check", "--json", ...argv]);
  const verdicts = result.out.map((line): { promise: string; kept: boolean } => JSON.parse(line));
  return { ...result, kept: verdicts.filter(({ kept }) => kept).length, broken: verdicts.filter(({ kept }) => !kept) };
}

/** A user's additions to the skeleton and code in its functions, for the virtual board's boot loader. */
const HELPERS = `env=$SWITCHBACK_ROOT/boot/env

store() { # NAME=VALUE...
	names=$(printf '|%s' "$@" | sed 's/=[^|]*//g')
	{
		printf '%s\\n' "$@"
		grep -Ev "^(\${names#|})=" "$env"
	} >"$env.new" && sync "$env.new" && mv "$env.new" "$env" && sync "\${env%/*}" || fail BOOTENV_WRITE "$env"
}

point() { # SLOT NAME=VALUE...
	case $1 in A) part=2 ;; *) part=3 ;; esac
	shift
	store "mender_boot_part=$part" "mender_boot_part_hex=$part" "$@"
}
`;
const FUNCTIONS: Readonly<Record<string, string>> = {
  booted: `cmdline=$(cat "$SWITCHBACK_ROOT/proc/cmdline") || fail SLOT_UNKNOWN "/proc/cmdline cannot be read"
	case " $cmdline " in *" root=$SWITCHBACK_SLOT_A "*) echo A ;; *) echo B ;; esac`,
  plan: `part=$(sed -n s/^mender_boot_part=//p "$env") || fail BOOTENV_READ "$env"
	if [ "$part" = 2 ]; then slot=A; else slot=B; fi
	available=$(sed -n s/^upgrade_available=//p "$env") || fail BOOTENV_READ "$env"
	if [ "$available" = 1 ]; then trial=yes; fi`,
  arm: `point "$1" upgrade_available=1 bootcount=0`,
  confirm: "store upgrade_available=0",
  revert: `point "$1" upgrade_available=0`,
};

function filledIn(): string {
  let code = SKELETONS.bootloader.sh("toy").replace("# Prints the slot", () => `${HELPERS}\n# Prints the slot`);
  for (const [name, body] of Object.entries(FUNCTIONS))
    code = code.replace(`fail UNFILLED ${name}\n`, () => `${body}\n`);
  return code;
}

/** The command that a skeleton tells its reader to run, with the file in the folder of the test. */
function commandIn(code: string): readonly string[] {
  const [line = "", ...more] = [...code.matchAll(/switchback (adapter check .*)/g)].map(([, words = ""]) => words);
  expect(more, "one command").toEqual([]);
  return line.split(" ").map((word) => (word.startsWith("./") ? join(dir, word) : word));
}

const EXTENSIONS = { js: "mjs", sh: "sh" } as const;
const MISSING = /missing=\w+/;
for (const { kind, language, says, more = [] } of [
  { kind: "bootloader", language: "js", says: MISSING },
  { kind: "bootloader", language: "sh", says: MISSING },
  { kind: "device", language: "js", says: MISSING },
  { kind: "device", language: "sh", says: MISSING },
  { kind: "payload", language: "js", says: MISSING },
  // An update module answers for itself: one promise is enough to see that it is this module.
  {
    kind: "payload",
    language: "sh",
    says: /MODULE_FAILED.*call=ArtifactInstall/,
    more: ["--only", "changes nothing more"],
  },
] as const)
  test(`the command in the ${language} skeleton of a ${kind} adapter checks this file, which is not filled in`, async () => {
    const path = await put(SKELETONS[kind][language]("toy"), `toy.${EXTENSIONS[language]}`);
    const argv = commandIn(SKELETONS[kind][language]("toy"));
    expect(argv).toContain(path);
    const { exitCode, out, err } = await cli("switchback", [...argv, ...more]);
    expect({ exitCode, text: [...out, ...err].join("\n") }).toEqual({ exitCode: 1, text: expect.stringMatching(says) });
  });

test("the check names what is missing from an unfinished shell skeleton of a boot loader", async () => {
  const { exitCode, err } = await check(await put(SKELETONS.bootloader.sh("toy")));
  expect({ exitCode, missing: /missing=(.*)\)/.exec(err.join())?.[1] }).toEqual({
    exitCode: 1,
    missing: "booted, plan, arm, confirm, revert",
  });
});

test("the shell skeleton of a boot loader passes the check that it names once its five functions are filled in", async () => {
  await put(filledIn());
  const { exitCode, broken, kept, err } = await check(...commandIn(SKELETONS.bootloader.sh("toy")).slice(2));
  expect({ exitCode, broken, err }).toEqual({ exitCode: 0, broken: [], err: [] });
  expect(kept).toBeGreaterThan(20);
});

test("the shell skeleton of a boot loader is clean for shellcheck when it is filled in", async () => {
  const options = ["--shell=sh", "--severity=warning", await put(filledIn())];
  const { stdout, status } = spawnSync("shellcheck", options, { encoding: "utf8" });
  expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
});

/** Firmware that learns of a trial from the argument of the reboot, and forgets it when the power is lost. */
const TRYBOOT_FIRMWARE = `#!/bin/sh
set -eu
state=$SWITCHBACK_ROOT/boot/state
case $1 in
factory)
	mkdir -p "$SWITCHBACK_ROOT/boot" "$SWITCHBACK_ROOT/proc"
	echo "A -" >"$state"
	;;
power-on)
	read -r slot armed <"$state"
	fate() { if [ "$1" = A ]; then echo "$2"; else echo "$3"; fi; }
	run=$slot
	if [ "\${4-}" = "0 tryboot" ] && [ "$armed" != - ]; then
		case $(fate "$armed" "$2" "$3") in up | hangs) run=$armed ;; esac
	fi
	[ "$run" != "$slot" ] || echo "$slot -" >"$state"
	echo "root=$SWITCHBACK_ROOT/slots/$run" >"$SWITCHBACK_ROOT/proc/cmdline"
	if [ "$(fate "$run" "$2" "$3")" = up ]; then echo "slot $run"; else echo "slot none"; fi
	;;
esac
echo ok
`;
const FOR_TRYBOOT = `#!/bin/sh
set -eu
state=$SWITCHBACK_ROOT/boot/state
store() {
	echo "$1" >"$state.new" && sync "$state.new" && mv "$state.new" "$state" && sync "\${state%/*}" ||
		{ echo "error BOOTENV_WRITE $state"; exit 1; }
}
case $1 in
hello) echo "switchback-adapter 1 bootloader tryboot" ;;
booted) read -r cmdline <"$SWITCHBACK_ROOT/proc/cmdline"; echo "slot \${cmdline##*/}" ;;
plan)
	read -r slot armed <"$state"
	if [ "$armed" = - ]; then echo "slot $slot"; echo "trial no"; else echo "slot $armed"; echo "trial yes"; fi
	;;
reboot-argument) read -r slot armed <"$state"; [ "$armed" = - ] || echo "argument 0 tryboot" ;;
arm) read -r slot armed <"$state"; store "$slot $2" ;;
confirm) read -r slot armed <"$state"; [ "$armed" = - ] || store "$armed -" ;;
revert) store "$2 -" ;;
*) echo "error UNSUPPORTED"; exit 1 ;;
esac
echo ok
`;

const TRIAL = "the next reboot starts the armed slot, still on trial";

test("a program whose firmware learns of the trial from the restart returns the reboot's argument", async () => {
  const firmware = await put(TRYBOOT_FIRMWARE, "firmware");
  const { exitCode, broken } = await check(await put(FOR_TRYBOOT), "--firmware", firmware);
  expect({ exitCode, broken }).toEqual({ exitCode: 0, broken: [] });
});

test("and a program that does not return it never starts its trial", async () => {
  const firmware = await put(TRYBOOT_FIRMWARE, "firmware");
  const silent = FOR_TRYBOOT.replace("reboot-argument)", "never-asked)");
  const { broken } = await check(await put(silent), "--firmware", firmware, "--only", TRIAL);
  expect(broken.map(({ promise }) => promise)).toEqual([TRIAL]);
});
