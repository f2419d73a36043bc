import { createHash } from "node:crypto";
import { copyFile, mkdtemp, open, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createChildProcess } from "../../../adapters/process/child-process.ts";

const LIMITS = { timeoutMs: 10_000, maxOutputBytes: 1024 };
const never = new AbortController().signal;
const sh = (script: string, ...args: string[]): [string, ...string[]] => ["sh", "-c", script, "sh", ...args];

test("a program's output and exit status come back, each by itself", async () => {
  const result = await createChildProcess().run(sh("echo out; echo err >&2; exit 21"), LIMITS, never);
  expect(result).toEqual({ exitCode: 21, stdout: "out\n", stderr: "err\n" });
});

test("arguments reach the program as they are, not through a shell", async () => {
  const odd = ["$HOME", "a b", "*", "; exit 3", ""];
  const { stdout } = await createChildProcess().run(["printf", "<%s>", ...odd], LIMITS, never);
  expect(stdout).toBe(odd.map((text) => `<${text}>`).join(""));
});

test("stdin is written and closed, and is empty where none is given", async () => {
  expect((await createChildProcess().run(["cat"], LIMITS, never, "a\nb")).stdout).toBe("a\nb");
  expect((await createChildProcess().run(["cat"], LIMITS, never)).stdout).toBe("");
});

test("a program that does not read its stdin does no harm", async () => {
  const result = await createChildProcess().run(["true"], LIMITS, never, "x".repeat(1024 * 1024));
  expect(result.exitCode).toBe(0);
});

/** Chunks in one buffer that is used again and again, as a device's are. */
async function* reused(count: number, asked: () => void = () => undefined): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(100_000);
  for (let index = 0; index < count; index++) {
    asked();
    buffer.fill(index);
    yield buffer;
  }
}

test("a stream goes to stdin whole, though its chunks are overwritten once they are taken", async () => {
  const expected = createHash("sha256");
  for (let index = 0; index < 50; index++) expected.update(Buffer.alloc(100_000, index));
  const { stdout } = await createChildProcess().run(["sha256sum"], LIMITS, never, reused(50));
  expect(stdout).toBe(`${expected.digest("hex")}  -\n`);
});

test("no more of a stream is asked for after the program has ended, and its status counts", async () => {
  let asked = 0;
  const stdin = reused(1000, () => asked++);
  const { exitCode } = await createChildProcess().run(sh("head -c 150000 >/dev/null; exit 3"), LIMITS, never, stdin);
  expect(exitCode).toBe(3);
  expect(asked).toBeLessThan(20);
});

test("a stream that breaks off stops the program, and the run fails with the stream's error", async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("first");
    throw new Error("the line is down");
  }
  await expect(createChildProcess().run(["cat"], LIMITS, never, broken())).rejects.toThrow("the line is down");
});

test("output beyond the limit is dropped, and the program runs to its end", async () => {
  const script = "yes 12345678 | head -c 5000000; yes e | head -c 3000 >&2; exit 4";
  const result = await createChildProcess().run(sh(script), LIMITS, never);
  expect(result.exitCode).toBe(4);
  expect(result.stdout).toHaveLength(1024);
  expect(result.stderr).toHaveLength(1024);
});

test("a program that a signal ends has no exit status", async () => {
  expect((await createChildProcess().run(sh("kill -9 $$"), LIMITS, never)).exitCode).toBeUndefined();
});

test("the environment is the given one, or the agent's own", async () => {
  const own = await createChildProcess().run(sh('echo "$PATH"'), LIMITS, never);
  expect(own.stdout).toBe(`${process.env["PATH"]}\n`);
  const env = { PATH: process.env["PATH"], SWITCHBACK_TEST: "yes" };
  const given = await createChildProcess({ env }).run(sh('echo "$SWITCHBACK_TEST$HOME"'), LIMITS, never);
  expect(given.stdout).toBe("yes\n");
});

test("a program that is not installed is named", async () => {
  const run = createChildProcess().run(["no-such-program-here", "x"], LIMITS, never);
  await expect(run).rejects.toMatchObject({ code: "PROCESS_MISSING", detail: { program: "no-such-program-here" } });
});

test("a file that is not a program is distinguished from a missing one", async () => {
  await expect(createChildProcess().run(["/etc/passwd"], LIMITS, never)).rejects.toMatchObject({
    code: "PROCESS_START",
    detail: { program: "/etc/passwd" },
  });
});

test("everything that keeps a program from starting has a named error", async () => {
  await withFolder(async (folder) => {
    const file = async (name: string, mode: number, text: string): Promise<string> => {
      await writeFile(join(folder, name), text, { mode });
      return join(folder, name);
    };
    await symlink("loop", join(folder, "loop"));
    const starts: readonly (readonly [string, [string, ...string[]]])[] = [
      ["a folder that is a file", [join(await file("plain", 0o755, ""), "program")]],
      ["a loop of links", [join(folder, "loop")]],
      ["a name too long", [join(folder, "x".repeat(300))]],
      ["no right to run", [await file("data", 0o644, "#!/bin/sh\n")]],
      ["an interpreter below a file", [await file("odd", 0o755, "#!/etc/passwd/sh\n")]],
      ["more arguments than there is room for", ["true", "x".repeat(3_000_000)]],
      ["a name with NUL", [`${folder}/a\0b`]],
    ];
    for (const [why, argv] of starts)
      await expect(createChildProcess().run(argv, LIMITS, never), why).rejects.toMatchObject({ code: "PROCESS_START" });
  });
});

test("a program file that is open for writing is started once it is closed, with all of its input", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "cat");
    await copyFile("/bin/cat", path);
    const writer = await open(path, "r+");
    const running = createChildProcess().run([path], LIMITS, never, reused(3));
    setTimeout(() => void writer.close(), 120);
    expect((await running).exitCode).toBe(0);
  });
});

test("at the time limit the whole group is ended, even if it ignores SIGTERM", async () => {
  await withFolder(async (folder) => {
    const script =
      'trap "" TERM; sleep 60 & echo $! > "$1/grandchild"; echo $$ > "$1/child"; while :; do sleep 60; done';
    const run = createChildProcess({ graceMs: 100 }).run(sh(script, folder), { ...LIMITS, timeoutMs: 300 }, never);
    await expect(run).rejects.toMatchObject({ code: "PROCESS_TIMEOUT", detail: { program: "sh", timeoutMs: 300 } });
    await expect.poll(() => isAlive(folder, "child")).toBe(false);
    await expect.poll(() => isAlive(folder, "grandchild")).toBe(false);
  });
});

test("SIGTERM comes first, so that a program can tidy up", async () => {
  await withFolder(async (folder) => {
    const script = 'trap "echo tidy > $1/tidy; exit 0" TERM; sleep 60 & wait';
    const run = createChildProcess().run(sh(script, folder), { ...LIMITS, timeoutMs: 200 }, never);
    await expect(run).rejects.toMatchObject({ code: "PROCESS_TIMEOUT" });
    expect(await readFile(join(folder, "tidy"), "utf8")).toBe("tidy\n");
  });
});

test("an abort ends the program and gives the signal's own reason", async () => {
  const controller = new AbortController();
  const reason = new Error("stop now");
  const run = createChildProcess().run(["sleep", "300"], LIMITS, controller.signal);
  setTimeout(() => controller.abort(reason), 50);
  await expect(run).rejects.toBe(reason);
  await expect(createChildProcess().run(["true"], LIMITS, controller.signal)).rejects.toBe(reason);
});

test("a child left behind in the group is killed when the program ends", async () => {
  await withFolder(async (folder) => {
    const result = await createChildProcess().run(
      sh('sleep 60 & echo $! > "$1/grandchild"; echo done', folder),
      LIMITS,
      never,
    );
    expect(result).toMatchObject({ exitCode: 0, stdout: "done\n" });
    await expect.poll(() => isAlive(folder, "grandchild")).toBe(false);
  });
});

test("a child left behind in the group continues if allowed, but not after the time limit", async () => {
  await withFolder(async (folder) => {
    const script = 'sleep 60 & echo $! > "$1/grandchild"; sleep "$2"';
    const limits = { ...LIMITS, leavesOthers: true, graceMs: 100 };
    await createChildProcess().run(sh(script, folder, "0"), limits, never);
    expect(await isAlive(folder, "grandchild")).toBe(true);
    process.kill(Number(await readFile(join(folder, "grandchild"), "utf8")), "SIGKILL");
    const run = createChildProcess().run(sh(script, folder, "60"), { ...limits, timeoutMs: 200 }, never);
    await expect(run).rejects.toMatchObject({ code: "PROCESS_TIMEOUT" });
    await expect.poll(() => isAlive(folder, "grandchild")).toBe(false);
  });
});

test("lines come as they are printed, and all of them beyond what is kept", async () => {
  const lines: string[] = [];
  const onLine = (stream: string, line: string): void => {
    lines.push(`${stream}: ${line}`);
  };
  const script = "seq 1 3000; printf 'no end' >&2";
  const { stdout } = await createChildProcess().run(sh(script), { ...LIMITS, onLine }, never);
  expect(stdout).toHaveLength(1024);
  expect(lines.filter((line) => line.startsWith("stdout")).length).toBe(3000);
  expect(lines).toContain("stdout: 3000");
  expect(lines).toContain("stderr: no end");
});

test("a program starts in the folder that it is given", async () => {
  await withFolder(async (folder) => {
    const { stdout } = await createChildProcess().run(["pwd"], { ...LIMITS, cwd: folder }, never);
    expect(stdout).toBe(`${folder}\n`);
  });
});

test("a daemon outside the group that holds the pipes does not block", async () => {
  await withFolder(async (folder) => {
    const script =
      'setsid sh -c "echo \\$\\$ > $1/daemon; exec sleep 300" & while [ ! -s "$1/daemon" ]; do sleep 0.01; done; echo done';
    const result = await createChildProcess().run(sh(script, folder), LIMITS, never);
    expect(result).toMatchObject({ exitCode: 0, stdout: "done\n" });
    expect(await isAlive(folder, "daemon")).toBe(true);
    process.kill(Number(await readFile(join(folder, "daemon"), "utf8")), "SIGKILL");
  });
});

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "process-"));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Tells whether the process whose id is in the file still runs. A zombie does not count as running. */
async function isAlive(folder: string, name: string): Promise<boolean> {
  const pid = (await readFile(join(folder, name), "utf8")).trim();
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return stat.split(") ")[1]?.startsWith("Z") !== true;
  } catch {
    // ignored: no such process, which is an answer.
    return false;
  }
}

test("output is passed on as bytes, complete, and the program waits for the receiver", async () => {
  let taken = 0;
  let busy = 0;
  const hash = createHash("sha256");
  const limits = {
    ...LIMITS,
    async onOutput(chunk: Uint8Array) {
      busy += 1;
      expect(busy, "one chunk at a time").toBe(1);
      if (taken === 0) await new Promise((resolve) => setTimeout(resolve, 400));
      hash.update(chunk);
      taken += chunk.length;
      busy -= 1;
    },
  };
  const result = await createChildProcess().run(sh("head -c 3000000 /dev/zero; echo said >&2"), limits, never);
  expect({ ...result, taken }).toEqual({ exitCode: 0, stdout: "", stderr: "said\n", taken: 3_000_000 });
  expect(hash.digest("hex")).toBe(createHash("sha256").update(Buffer.alloc(3_000_000)).digest("hex"));
});

test("endless output ends a program where the answer has a size, and only there", async () => {
  const limits = { ...LIMITS, endsWithOutput: true };
  const endless = createChildProcess().run(["yes"], limits, never);
  await expect(endless).rejects.toMatchObject({ code: "PROCESS_OUTPUT", detail: { program: "yes", bytes: 1024 } });
  const long = await createChildProcess().run(sh("head -c 5000 /dev/zero"), LIMITS, never);
  expect([long.exitCode, long.stdout.length]).toEqual([0, 1024]);
});
