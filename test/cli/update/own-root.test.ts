import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { moduleRequest } from "../../artifact/artifact-requests.ts";
import { severalPayloads } from "../../artifact/several-payloads.ts";
import { BuiltProgram, type Ended, startProgram } from "../../support/built-program.ts";
import { needs } from "../../support/needs.ts";
import { cli, codesOf, TestBoard } from "../../support/test-board.ts";
import { shipModule } from "../../system/crash/scenarios.ts";

/** Drops the right to create namespaces, and all other rights, from a program. */
const WITHOUT_RIGHTS = `
drop='exec setpriv --bounding-set=-all --inh-caps=-all -- "$@"'
if unshare --user --map-root-user true 2>/dev/null; then
  # A user namespace in which no other can be made.
  exec unshare --user --map-root-user sh -c "echo 0 >/proc/sys/user/max_user_namespaces; $drop" sh "$@"
elif [ "$(id -u)" = 0 ]; then eval "$drop"; fi
exec "$@"
`;

let program: BuiltProgram;
beforeAll(async () => {
  program = await BuiltProgram.build();
});

let board: TestBoard;
/** Stands for a file that belongs only to the machine: it is outside the board's folder. */
let machine: string;
beforeEach(async () => {
  board = await TestBoard.make({ onThisMachine: false });
  machine = await mkdtemp(join(tmpdir(), "switchback-own-root-"));
});
afterEach(async () => {
  await board.remove();
  await rm(machine, { recursive: true });
});

/**
 * An update module whose author does not know virtual boards, and an Artifact for it. @returns the path of the Artifact
 */
async function foreign(install: string, rollback = "true"): Promise<string> {
  const folder = board.path("share/modules/v3");
  await mkdir(folder, { recursive: true });
  const cases = [
    "SupportsRollback) echo Yes;;",
    `ArtifactInstall)\n${install}\n;;`,
    `ArtifactRollback)\n${rollback}\n;;`,
  ];
  const lines = ["#!/bin/sh", "set -e", 'case "$1" in', ...cases, "esac"];
  await writeFile(join(folder, "foreign"), `${lines.join("\n")}\n`, { mode: 0o755 });
  await writeFile(board.file("data.bin"), "new");
  return board.write(moduleRequest({ type: "foreign", files: [board.file("data.bin")] }, { name: "v2" }));
}

/** Command lines of running processes that contain a text. */
function commandsWith(text: string): readonly string[] {
  const { stdout } = spawnSync("ps", ["-e", "-o", "args="], { encoding: "utf8" });
  return stdout.split("\n").filter((line) => line.includes(text));
}

const read = (path: string): Promise<string> => readFile(path, "utf8");
const onBoard = (path: string): string => join(board.path("root"), path);

needs("ownRoot").describe("an update module on a virtual board", () => {
  test("changes the board and not the machine, and its rollback finds the changes", async () => {
    await writeFile(join(machine, "kept"), "the machine's");
    await mkdir(onBoard("etc"), { recursive: true });
    await writeFile(onBoard("etc/old"), "old");
    const artifact = await foreign(
      `echo new >/etc/x
      mkdir -p /opt/y /data '${machine}'
      cp files/data.bin /opt/y/app
      echo new >/data/state
      echo new >'${machine}/kept'
      rm /etc/old
      echo for a while >/tmp/while`,
      "cat /opt/y/app >/etc/rolled-back; rm -r /opt/y /etc/x",
    );
    expect(await board.agent("install", artifact)).toMatchObject({ exitCode: 0, err: [] });
    expect(await read(onBoard("etc/x"))).toBe("new\n");
    expect(await read(onBoard("opt/y/app"))).toBe("new");
    expect(await read(onBoard("data/state"))).toBe("new\n");
    expect([existsSync(onBoard("etc/old")), existsSync(onBoard("etc/passwd"))]).toEqual([false, true]);
    expect([existsSync("/etc/x"), existsSync("/opt/y")]).toEqual([false, false]);
    expect(await read(join(machine, "kept"))).toBe("the machine's");

    expect(await board.agent("rollback")).toMatchObject({ exitCode: 0, out: ["Rolled back."] });
    expect(await read(onBoard("etc/rolled-back"))).toBe("new");
    expect([existsSync(onBoard("opt/y")), existsSync(onBoard("etc/x"))]).toEqual([false, false]);
    expect(existsSync(onBoard("tmp/while"))).toBe(true);
    await board.boot();
    expect(existsSync(onBoard("tmp/while")), "no start of a device keeps /tmp").toBe(false);
  });

  test("cannot change the programs that it shares with the machine, and its failure is reported", async () => {
    const failed = await board.agent("install", await foreign("touch /usr/new-program"));
    expect([failed.exitCode, codesOf(failed), existsSync("/usr/new-program")]).toEqual([1, ["MODULE_FAILED"], false]);
    expect(failed.log.join("\n")).toContain("Read-only file system");
  });

  test("sees no process of the machine, and cannot end one by its name", async () => {
    const name = join(machine, "daemon-of-the-machine");
    await writeFile(name, "#!/bin/sh\nwhile :; do sleep 1; done\n", { mode: 0o755 });
    const daemon = spawn(name, { stdio: "ignore" });
    try {
      const artifact = await foreign(
        `for each in /proc/[0-9]*; do
          if tr '\\0' ' ' <"$each/cmdline" | grep -q daemon-of-the-machin[e]; then kill -9 "\${each#/proc/}"; fi
        done
        kill -9 ${daemon.pid} 2>/dev/null || :`,
      );
      await board.agent("install", artifact);
      expect([daemon.exitCode, daemon.signalCode]).toEqual([null, null]);
    } finally {
      daemon.kill("SIGKILL");
      await once(daemon, "exit");
    }
  });

  test("has no power over the machine's clock, name, devices and mounts", async () => {
    const artifact = await foreign(
      `for power in 'date -s @'$(date +%s) 'hostname '$(hostname) 'mknod /tmp/none c 1 3' 'mount -t tmpfs none /mnt' \\
        'mount -o remount,rw /usr' 'nsenter --mount --target 1 true'; do
        if $power >/dev/null 2>&1; then echo "$power"; fi
      done >/powers`,
    );
    expect((await board.agent("install", artifact)).exitCode).toBe(0);
    expect(await read(onBoard("powers"))).toBe("");
  });

  test("finds its payload, the board's settings and the agent's data where a device has them", async () => {
    const artifact = await foreign(
      `cat files/data.bin /var/lib/mender/device_type >/found
      test -e /etc/mender/mender.conf
      echo "$PWD" >>/found`,
    );
    expect((await board.agent("install", artifact)).exitCode).toBe(0);
    const tree = board.path("data/modules/v3/payloads/0000/tree");
    expect((await read(onBoard("found"))).split("\n")).toEqual(["newdevice_type=board-a", tree, ""]);
  });

  test("gets its payload through the streams as on a device", async () => {
    const folder = board.path("share/modules/v3");
    await foreign("true");
    const module = `#!/bin/sh
case "$1" in Download) file=$(cat stream-next); cat "$file" >/streamed; cat stream-next;; SupportsRollback) echo Yes;; esac
`;
    await writeFile(join(folder, "foreign"), module, { mode: 0o755 });
    expect((await board.agent("install", board.file("v2.mender"))).exitCode).toBe(0);
    expect(await read(onBoard("streamed"))).toBe("new");
  });

  for (const [how, install, reason] of [
    ["exit status", "exit 7", "exitCode=7"],
    ["signal", "kill -9 $$", "ended=by a signal"],
  ] as const) {
    test(`fails with its own ${how}`, async () => {
      const failed = await board.agent("install", await foreign(install));
      expect(codesOf(failed)).toEqual(["MODULE_FAILED"]);
      expect(failed.err[0]).toContain(reason);
    });
  }

  test("that runs out of time gets SIGTERM, then SIGKILL with all that it has started", async () => {
    await board.configure({ ModuleTimeoutSeconds: 1 });
    const install = `trap 'echo asked >/asked; exit 1' TERM
      sleep 300 & wait`;
    const failed = await board.agent("install", await foreign(install));
    expect(failed.err[0]).toContain("PROCESS_TIMEOUT");
    expect(await read(onBoard("asked"))).toBe("asked\n");
  });

  test("state scripts are kept off the machine as well", async () => {
    const script = board.file("ArtifactInstall_Enter_00");
    await writeFile(script, "#!/bin/sh\necho ran >/etc/ran-as-script\n", { mode: 0o755 });
    expect((await board.agent("install", await board.release("v2", "yes", { scripts: [script] }))).exitCode).toBe(0);
    expect([await read(onBoard("etc/ran-as-script")), existsSync("/etc/ran-as-script")]).toEqual(["ran\n", false]);
  });

  test("leaves nothing running behind", async () => {
    await board.agent("install", await foreign("setsid sleep 30017 >/dev/null 2>&1 &\n:"));
    expect(commandsWith("sleep 30017")).toEqual([]);
  });

  test("of an agent that was killed is ended by 'resume', which then rolls back", async () => {
    const install = `trap 'echo ended >>/calls; exit 1' TERM
      sleep 300 & touch /at-work; wait; echo late >>/calls`;
    const artifact = await foreign(install, "echo rolled back >>/calls");
    const { child, ended } = program.start(...board.options, "install", artifact);
    while (!existsSync(onBoard("at-work"))) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill("SIGKILL");
    await ended;
    const resumed = await program.run(...board.options, "resume");
    expect(resumed.err).toContainEqual(
      expect.stringMatching(/Ending a program that an earlier run left running: unshare /),
    );
    expect(await read(onBoard("calls"))).toBe("ended\nrolled back\n");
    expect(commandsWith(board.dir)).toEqual([]);
  });

  test("works below a path with blanks and a backslash, and with relative paths", async () => {
    const parent = join(machine, "a b\\c");
    await mkdir(parent);
    const other = await TestBoard.make({ parent, onThisMachine: false });
    await foreign("cat files/data.bin >/etc/x");
    await cp(board.path("share"), other.path("share"), { recursive: true });
    const options = ["-c", other.path("etc/mender.conf"), "-d", other.path("data")];
    const shorter = options.map((option) => (option.startsWith("-") ? option : relative(process.cwd(), option)));
    expect((await cli("switchback", [...shorter, "install", board.file("v2.mender")])).exitCode).toBe(0);
    expect(await read(other.path("root/etc/x"))).toBe("new");
  });

  needs("root", "otherUser").test("does so for an ordinary user, to whom all that it makes belongs", async () => {
    const artifact = await foreign('test "$(id -u)" = 0; echo new >/etc/x; touch /usr/new-program || :');
    const NOBODY = 65534;
    spawnSync("chown", ["-R", `${NOBODY}:${NOBODY}`, board.folder]);
    spawnSync("chmod", ["-R", "a+rX", program.folder]);
    const asNobody = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", process.execPath, program.path];
    const { child, ended } = startProgram("setpriv", [...asNobody, ...board.options, "install", artifact]);
    child.stdin?.end();
    expect(await ended).toMatchObject({ exitCode: 0 });
    expect([(await stat(onBoard("etc/x"))).uid, existsSync("/usr/new-program")]).toEqual([NOBODY, false]);
  });

  test("no link of the board's leads to the machine", async () => {
    const inside = await board.agent("install", await foreign(`ln -s '${machine}' /leads-out; touch /leads-out/new`));
    expect([codesOf(inside), existsSync(join(machine, "new"))]).toEqual([["MODULE_FAILED"], false]);
    await rm(onBoard("tmp"), { recursive: true });
    await symlink(machine, onBoard("tmp"));
    const refused = await board.agent("install", await foreign("touch /tmp/new"));
    expect([codesOf(refused), await readdir(machine)]).toEqual([["BOARD_IO"], []]);
  });
});

async function withScript(): Promise<string> {
  const script = board.file("ArtifactCommit_Enter_00");
  await writeFile(script, "#!/bin/sh\n", { mode: 0o755 });
  return await board.release("v2", "yes", { scripts: [script] });
}

describe("where the machine makes no namespaces", () => {
  /** As in a container, or for a user without rights; this process may already be in that situation. */
  async function agent(...argv: readonly string[]): Promise<Ended> {
    const command = [process.execPath, program.path, ...board.options, ...argv];
    const { child, ended } = startProgram("sh", ["-c", WITHOUT_RIGHTS, "sh", ...command]);
    child.stdin?.end();
    return await ended;
  }

  test("a foreign module is refused by name before anything is changed, and runs with --on-this-machine", async () => {
    const install = `echo new >'${join(machine, "new")}'`;
    const artifact = await foreign(install, `rm '${join(machine, "new")}'`);
    const refused = await agent("install", artifact);
    expect([refused.exitCode, refused.err.join("\n")]).toEqual([
      1,
      expect.stringMatching(/BOARD_UNCONFINED.*--on-this-machine.*modules\/v3\/foreign.*unshare failed/),
    ]);
    expect([await board.pending(), existsSync(join(machine, "new"))]).toEqual([undefined, false]);

    expect((await agent("install", "--on-this-machine", artifact)).exitCode).toBe(0);
    expect(await read(join(machine, "new"))).toBe("new\n");
    expect((await agent("rollback")).exitCode, "said once for the whole update").toBe(0);
    expect(existsSync(join(machine, "new"))).toBe(false);
    expect((await agent("install", artifact)).err.join("\n"), "but not for the next").toContain("BOARD_UNCONFINED");
  });

  test.each([
    ["a module", () => foreign("true")],
    ["a state script", withScript],
  ])("'commit', 'rollback' and 'resume' of an update with %s change nothing without it", async (_, artifact) => {
    expect((await agent("install", "--on-this-machine", await artifact())).exitCode).toBe(0);
    const before = [await board.stored(), await board.env()];
    await rm(board.path("on-this-machine"));
    for (const command of ["commit", "rollback", "resume"]) {
      const { exitCode, err } = await agent(command);
      expect([command, exitCode, err.join("\n")]).toEqual([command, 1, expect.stringContaining("BOARD_UNCONFINED")]);
      expect([await board.stored(), await board.env()]).toEqual(before);
    }
    await writeFile(board.path("on-this-machine"), "");
    expect((await agent("rollback")).exitCode).toBe(0);
  });

  test("so is an Artifact with a state script", async () => {
    const script = board.file("ArtifactInstall_Enter_00");
    await writeFile(script, "#!/bin/sh\n", { mode: 0o755 });
    const refused = await agent("install", await board.release("v2", "yes", { scripts: [script] }));
    expect(refused.err.join("\n")).toContain("BOARD_UNCONFINED");
    expect((await board.status()).trial).toBe(false);
  });

  test("the shipped module for a file works on the board's root, and no link leads it out", async () => {
    await shipModule(board, "single-file");
    const files = { dest_dir: `${machine}/conf\n`, filename: "app.conf\n", permissions: "600\n", "app.conf": "new" };
    const artifact = board.file("file.mender");
    await writeFile(artifact, severalPayloads("v2", [{ type: "single-file", files }]));
    expect((await agent("install", artifact)).exitCode).toBe(0);
    expect(await read(onBoard(`${machine}/conf/app.conf`))).toBe("new");
    expect((await agent("rollback")).exitCode).toBe(0);
    expect([existsSync(onBoard(`${machine}/conf`)), existsSync(`${machine}/conf`)]).toEqual([false, false]);

    await mkdir(onBoard(machine), { recursive: true });
    await symlink(machine, onBoard(`${machine}/conf`));
    const refused = await agent("install", artifact);
    expect(refused.err.join("\n")).toContain("leads out of");
    expect(existsSync(join(machine, "app.conf"))).toBe(false);
  });
});
