import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { completionFiles } from "../../../scripts/package/completions.ts";

const TOOLS = ["mender-artifact", "switchback-artifact", "switchback-image", "switchback-qemu"];
const NAMES = ["switchback", "mender-update", "switchback-server", "switchback-fleet", ...TOOLS];
const dir = mkdtempSync(join(tmpdir(), "switchback-completions-"));
const files = await completionFiles(NAMES);
const at = (name: string): string => join(dir, name);
const fileOf = (part: string): string => at(files.find(({ path }) => path.endsWith(part))?.path ?? part);

beforeAll(() => {
  for (const { path, content } of files) {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), content);
  }
  mkdirSync(at("work/rootfs-folder"), { recursive: true });
  writeFileSync(at("work/rootfs.ext4"), "");
  mkdirSync(at("home"));
});
afterAll(() => rmSync(dir, { recursive: true }));

const HERE = { cwd: join(dir, "work"), encoding: "utf8" } as const;

/** What bash suggests for the last word, as when a user presses the tab key behind it. */
function bash(...words: readonly string[]): readonly string[] {
  const program = words[0] ?? "";
  const script = `. "$0"; complete -p ${program} >/dev/null || exit 9
    f=$(complete -p ${program} | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); "$f"; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync(
    "bash",
    ["--norc", "-uc", script, fileOf(`/completions/${program}`), ...words],
    HERE,
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.split("\n").filter((line) => line !== "");
}

/** Types lines into an interactive zsh, each followed by a tab, and writes what becomes of each into a file. */
const TYPE_INTO_ZSH = `
zmodload zsh/zpty
functions_dir=$1 dump=$2 answers=$3; shift 3
: >$answers
cat >$answers.rc <<END
PS1=; fpath=($functions_dir \\$fpath); autoload -Uz compinit; compinit -u -d $dump
show() { print -r -- "\\$BUFFER" >>$answers; BUFFER=; }
zle -N show; bindkey '^X' show; bindkey '^I' complete-word
END
zpty shell zsh -f -i
zpty -w shell ". $answers.rc; print -r ready >>$answers"
wait_for() { repeat 1000; do (( $(wc -l <$answers) >= $1 )) && return; zpty -r -t shell junk; sleep 0.02; done; exit 9; }
wait_for 1
i=1
for line; do
  zpty -w -n shell "$line"$'\\t\\x18'
  i=$((i + 1)); wait_for $i
done
zpty -d shell`;

function zsh(lines: readonly string[]): readonly string[] {
  const answers = at("answers");
  const args = ["-fc", TYPE_INTO_ZSH, "zsh", dirname(fileOf("/_switchback")), at("dump"), answers, ...lines];
  const env = { ...process.env, HOME: at("home"), TERM: "dumb" };
  const { status, stderr } = spawnSync("zsh", args, { ...HERE, env, timeout: 60_000 });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return readFileSync(answers, "utf8")
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => line.trimEnd());
}

function fish(line: string): readonly string[] {
  const program = line.split(" ")[0] ?? "";
  const script = `source ${fileOf(`/${program}.fish`)}; complete -C '${line}'`;
  const env = { ...process.env, HOME: at("home"), XDG_CONFIG_HOME: at("home"), XDG_DATA_HOME: at("home") };
  const { status, stdout, stderr } = spawnSync("fish", ["--no-config", "-c", script], { ...HERE, env });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.split("\n").flatMap((each) => (each === "" ? [] : [each.split("\t")[0] ?? ""]));
}

const shells = {
  bash: (line: string) => bash(...line.split(" ")),
  fish,
};

for (const [shell, complete] of Object.entries(shells)) {
  test(`${shell} completes commands, options and values at every depth`, () => {
    expect(complete("switchback art")).toEqual(["artifact"]);
    expect(complete("switchback artifact ")).toEqual(expect.arrayContaining(["write", "read", "validate", "sign"]));
    expect(complete("switchback artifact write r")).toEqual(["rootfs-image"]);
    expect(complete("switchback artifact write rootfs-image --artifact-name-d")).toEqual(["--artifact-name-depends"]);
    expect(complete("switchback -c /etc/mender.conf --log-level debug show-p")).toEqual(["show-provides"]);
    expect(complete("switchback snapshot dump --compression g")).toEqual(["gzip"]);
    expect(complete("switchback adapter new b")).toEqual(["bootloader"]);
    expect(complete("switchback install --trusted-c")).toEqual(["--trusted-certs"]);
    expect(complete("switchback artifact read --trusted-c")).toEqual([]);
    expect(complete("mender-artifact si")).toEqual(["sign"]);
    expect(complete("mender-update com")).toEqual(["commit"]);
    expect(complete("mender-update snap")).toEqual([]);
    expect(complete("switchback-artifact write boot")).toEqual(["bootstrap-artifact"]);
    expect(complete("switchback-image ins")).toEqual(["inspect"]);
    expect(complete("switchback-image create --owner k")).toEqual(["keep"]);
    expect(complete("switchback-qemu test --j").toSorted()).toEqual(["--json", "--junit"]);
  });

  test(`${shell} completes files and folders where they belong, and nothing for other values`, () => {
    const names = (line: string): readonly string[] => complete(line).map((name) => name.replace(/\/$/, ""));
    expect(names("switchback artifact read root").toSorted()).toEqual(["rootfs-folder", "rootfs.ext4"]);
    expect(names("switchback artifact write rootfs-image -f root").toSorted()).toEqual([
      "rootfs-folder",
      "rootfs.ext4",
    ]);
    expect(names("switchback -d root")).toEqual(["rootfs-folder"]);
    expect(names("switchback artifact write rootfs-image -n root")).toEqual([]);
    expect(names("switchback commit root")).toEqual([]);
    expect(names("switchback-image inspect root").toSorted()).toEqual(["rootfs-folder", "rootfs.ext4"]);
    expect(names("switchback-qemu run --keep root")).toEqual(["rootfs-folder"]);
  });
}

test("bash completes the value behind an equals sign, which it splits off", () => {
  expect(bash("switchback", "snapshot", "dump", "--compression", "=")).toEqual(["none", "gzip"]);
  expect(bash("switchback", "snapshot", "dump", "--compression", "=", "g")).toEqual(["gzip"]);
  expect(bash("switchback", "--config", "=", "x", "comm")).toEqual(["commit"]);
});

test("zsh completes commands, options, values and files", () => {
  expect(
    zsh([
      "switchback art",
      "switchback artifact write boot",
      "switchback -c /etc/mender.conf show-p",
      "switchback artifact write rootfs-image --artifact-name-d",
      "switchback snapshot dump --compression=g",
      "switchback artifact read rootfs.",
      "switchback -d root",
      "mender-artifact vali",
      "mender-update comm",
      "switchback-artifact vali",
      "switchback-image convert --artifact-n",
      "switchback-qemu test --jun",
    ]),
  ).toEqual([
    "switchback artifact",
    "switchback artifact write bootstrap-artifact",
    "switchback -c /etc/mender.conf show-provides",
    "switchback artifact write rootfs-image --artifact-name-depends",
    "switchback snapshot dump --compression=gzip",
    "switchback artifact read rootfs.ext4",
    "switchback -d rootfs-folder/",
    "mender-artifact validate",
    "mender-update commit",
    "switchback-artifact validate",
    "switchback-image convert --artifact-name",
    "switchback-qemu test --junit",
  ]);
});

test("the same commands give the same bytes, without what depends on the machine", async () => {
  expect(await completionFiles(NAMES)).toEqual(files);
  expect(files.map(({ path }) => path)).toHaveLength(3 * NAMES.length);
  for (const { path } of files) expect(readFileSync(at(path), "utf8")).not.toContain(process.cwd());
});

test("shellcheck and the shells themselves find nothing wrong", () => {
  for (const name of NAMES) {
    const checked = spawnSync("shellcheck", [fileOf(`/completions/${name}`)], { encoding: "utf8" });
    expect([checked.status, checked.stdout]).toEqual([0, ""]);
    expect(spawnSync("zsh", ["-n", fileOf(`/_${name}`)], { encoding: "utf8" }).stderr).toBe("");
    expect(spawnSync("fish", ["--no-execute", fileOf(`/${name}.fish`)], { encoding: "utf8" }).stderr).toBe("");
  }
});
