import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AgentError } from "../../../../src/errors/agent-error.ts";
import type { ModuleAction } from "../../../../src/ports/payload-handler.ts";
import { CONTEXT, never, withModule } from "./module-rig.ts";

const ACTIONS: readonly ModuleAction[] = [
  "ArtifactInstall",
  "ArtifactReboot",
  "ArtifactVerifyReboot",
  "ArtifactCommit",
  "ArtifactRollback",
  "ArtifactRollbackReboot",
  "ArtifactVerifyRollbackReboot",
  "ArtifactFailure",
  "Cleanup",
];

test.each(ACTIONS)("%s calls the module with the state and the tree, and nothing else, in the tree", async (action) => {
  const look = `echo "$#:$1:$2:$(pwd):$0" > "$2/../seen"`;
  await withModule(`${action}) ${look} ;;`, async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    await rig.handler.act(action, never);
    const module = `${rig.folder}/modules/test-module`;
    expect(await readFile(join(rig.tree, "../seen"), "utf8")).toBe(`2:${action}:${rig.tree}:${rig.tree}:${module}\n`);
    expect(await rig.calls()).toEqual([action]);
  });
});

test.each(ACTIONS)("%s that the module does not know succeeds", async (action) => {
  await withModule("", async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    await rig.handler.act(action, never);
  });
});

test.each([
  ["exit 1", { exitCode: 1 }],
  ["exit 21", { exitCode: 21 }],
  ["kill -TERM $$", { ended: "by a signal" }],
] as const)("a module that ends with `%s` fails the state", async (commands, how) => {
  await withModule(`Artifact*|Cleanup) ${commands} ;;`, async (rig) => {
    for (const action of ACTIONS) {
      await rig.handler.prepare?.(CONTEXT, never);
      const detail = { module: "test-module", call: action, ...how };
      await expect(rig.handler.act(action, never)).rejects.toMatchObject({ code: "MODULE_FAILED", detail });
    }
  });
});

test("the environment is the agent's own, and standard input is empty", async () => {
  await withModule(
    "ArtifactInstall) cat > tmp/input; env | grep -v -e ^_= -e ^PWD= -e ^OLDPWD= -e ^SHLVL= | sort > tmp/env ;;",
    async (rig) => {
      await rig.handler.prepare?.(CONTEXT, never);
      await rig.handler.act("ArtifactInstall", never);
      expect(await readFile(rig.inTree("tmp/input"), "utf8")).toBe("");
      const seen = await readFile(rig.inTree("tmp/env"), "utf8");
      expect(seen).toContain(`PATH=${process.env["PATH"]}\n`);
      expect(seen).not.toMatch(/^(MENDER_|SWITCHBACK_(?!PROGRAM=))/m);
    },
  );
});

test("each call is a process group of its own", async () => {
  await withModule('ArtifactInstall) read -r line < /proc/$$/stat; echo "$$ $line" > tmp/stat ;;', async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    await rig.handler.act("ArtifactInstall", never);
    const [pid, , , , , group] = (await readFile(rig.inTree("tmp/stat"), "utf8"))
      .replace(/\([^)]*\)/, "name")
      .split(" ");
    expect(group).toBe(pid);
  });
});

test("what a module says is logged line by line, as it is or made printable", async () => {
  const talk = "echo one; printf 'two\\n\\nlast' ; printf 'bad \\377 \\033[31m\\n' >&2";
  await withModule(`ArtifactInstall) ${talk} ;;`, async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    await rig.handler.act("ArtifactInstall", never);
    expect(rig.logged.filter((line) => line.includes("stdout"))).toEqual(
      ["one", "two", "", "last"].map((line) => `info: Update Module output (stdout): ${line}`),
    );
    expect(rig.logged.filter((line) => line.includes("stderr"))).toEqual([
      "info: Update Module output (stderr): bad \ufffd \\x1b[31m",
    ]);
  });
});

test("a line without an end costs no memory", async () => {
  await withModule("ArtifactInstall) head -c 5000000 /dev/zero | tr '\\0' x ;;", async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    await rig.handler.act("ArtifactInstall", never);
    expect(rig.logged.join("").match(/x/g)).toHaveLength(5_000_000);
    expect(Math.max(...rig.logged.map((line) => line.length))).toBeLessThan(11_000);
  });
});

test("a call that runs out of time gets SIGTERM, and SIGKILL after a while, with all its children", async () => {
  const stubborn =
    'trap "touch tmp/term" TERM; sh -c "trap : TERM; echo \\$\\$ > tmp/child; while :; do sleep 1; done" & while :; do sleep 1; done';
  await withModule(
    `ArtifactInstall) ${stubborn} ;;`,
    async (rig) => {
      await rig.handler.prepare?.(CONTEXT, never);
      const call = rig.handler.act("ArtifactInstall", never);
      await expect(call).rejects.toMatchObject({ code: "MODULE_FAILED", cause: { code: "PROCESS_TIMEOUT" } });
      expect(existsSync(rig.inTree("tmp/term"))).toBe(true);
      expect(await isGone(Number(await readFile(rig.inTree("tmp/child"), "utf8")))).toBe(true);
    },
    { timeoutMs: 400, graceMs: 1_200 },
  );
});

test("a question that runs out of time fails", async () => {
  const options = { timeoutMs: 200 };
  await withModule(
    "SupportsRollback) sleep 30 ;;",
    async (rig) => {
      await rig.handler.prepare?.(CONTEXT, never);
      const expected = {
        code: "MODULE_FAILED",
        detail: { call: "SupportsRollback" },
        cause: { code: "PROCESS_TIMEOUT" },
      };
      await expect(rig.handler.supportsRollback(never)).rejects.toMatchObject(expected);
    },
    options,
  );
});

test("the time limit is each call's own", async () => {
  await withModule(
    "Artifact*) sleep 0.3 ;;",
    async (rig) => {
      await rig.handler.prepare?.(CONTEXT, never);
      for (const action of ["ArtifactInstall", "ArtifactCommit", "ArtifactFailure"] as const) {
        await rig.handler.act(action, never);
      }
    },
    { timeoutMs: 700 },
  );
});

test("a module may leave a program running that works on after it has ended", async () => {
  await withModule("ArtifactInstall) (sleep 0.4; touch tmp/later) > tmp/log 2>&1 & ;;", async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    await rig.handler.act("ArtifactInstall", never);
    expect(existsSync(rig.inTree("tmp/later"))).toBe(false);
    await expect.poll(() => existsSync(rig.inTree("tmp/later"))).toBe(true);
  });
});

test("a program that a module leaves behind with its output does not hold the call up", async () => {
  await withModule("ArtifactInstall) sleep 300 & echo $! > tmp/pid; echo said ;;", async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    await rig.handler.act("ArtifactInstall", never);
    expect(rig.logged).toEqual(["info: Update Module output (stdout): said"]);
    process.kill(Number(await readFile(rig.inTree("tmp/pid"), "utf8")), "SIGKILL");
  });
});

test("an abort ends the module and gives the signal's own reason; a Cleanup that is cut off keeps the tree", async () => {
  await withModule("Cleanup) sleep 30 ;;", async (rig) => {
    await rig.handler.prepare?.(CONTEXT, never);
    const controller = new AbortController();
    const reason = new AgentError("CANCELLED");
    setTimeout(() => controller.abort(reason), 150);
    await expect(rig.handler.act("Cleanup", controller.signal)).rejects.toBe(reason);
    expect(existsSync(rig.tree)).toBe(true);
  });
});

/** The process has ended, or is a zombie. */
async function isGone(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => {
    // ignored: a process that has ended has no such file, which is the answer.
    return "";
  });
  return stat === "" || stat.split(") ")[1]?.startsWith("Z") === true;
}
