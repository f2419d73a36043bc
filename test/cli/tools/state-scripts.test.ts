import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { run } from "../../../src/cli/run.ts";
import { RecordingIo } from "../../support/recording-io.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "switchback-cli-scripts-"));
});
afterEach(() => rm(dir, { recursive: true }));

async function check(...argv: readonly string[]) {
  const io = new RecordingIo();
  await run("switchback", ["state-scripts", "check", ...argv], io);
  return { exitCode: io.exitCode, out: io.outLines.map((line) => line.replaceAll(dir, "DIR")), err: io.errLines };
}

const put = (name: string, text = "#!/bin/sh\n", mode = 0o755) => writeFile(join(dir, name), text, { mode });

test("a folder whose scripts all run is named with the order in which they do", async () => {
  await put("version", "3", 0o644);
  await put("ArtifactInstall_Enter_10");
  await put("ArtifactInstall_Enter_09_\u001b[2J");
  expect(await check(dir)).toEqual({
    exitCode: 0,
    out: [
      "runs: ArtifactInstall_Enter_09_\\x1b[2J",
      "runs: ArtifactInstall_Enter_10",
      "DIR, as scripts of an Artifact: 2 run, 0 problems, 0 notes.",
    ],
    err: [],
  });
});

test("a script that will not run makes the command fail, and says why", async () => {
  await put("Download_Enter_00", "#!/bin/sh\r\n");
  await put("Download_Leave_00", "#!/bin/sh\n", 0o644);
  expect(await check(dir, "--for", "rootfs")).toEqual({
    exitCode: 1,
    out: [
      "note: version is missing; clients before 4.0 then refuse the scripts",
      "problem: Download_Enter_00 cannot start: its lines end with CR LF, so no interpreter has that name",
      "problem: Download_Leave_00 never runs: it is not executable (chmod +x)",
      "DIR, as scripts of the root filesystem: 0 run, 2 problems, 1 note.",
    ],
    err: [],
  });
});

test("the same as JSON, for a folder that was said to be another's", async () => {
  await put("version", "2\n", 0o644);
  await put("Idle_Enter_00");
  const { exitCode, out } = await check(dir, "--for", "artifact", "--json");
  expect(exitCode).toBe(1);
  expect(JSON.parse(out.join("\n"))).toEqual({
    dir: "DIR",
    origin: "artifact",
    runnable: [],
    findings: [
      {
        level: "problem",
        file: "Idle_Enter_00",
        rule: "folder",
        message: "never runs here: scripts of this state belong to the root filesystem",
      },
    ],
  });
});

test("a folder that is not there is an error, not an empty one", async () => {
  const { exitCode, err } = await check(join(dir, "missing"));
  expect(exitCode).toBe(1);
  expect(err.join("\n")).toContain("SCRIPT_FOLDER");
});

test("a folder of scripts for an Artifact is right without run bits and without a version", async () => {
  await put("ArtifactInstall_Enter_00", "#!/bin/sh\n", 0o644);
  expect(await check(dir)).toMatchObject({
    exitCode: 0,
    out: ["runs: ArtifactInstall_Enter_00", "DIR, as scripts of an Artifact: 1 runs, 0 problems, 0 notes."],
  });
});

test("a script whose interpreter is missing is reported; --root says where to look for interpreters", async () => {
  await put("ArtifactInstall_Enter_00", "#!/opt/board/sh\n");
  expect(await check(dir)).toMatchObject({
    exitCode: 1,
    out: [
      "problem: ArtifactInstall_Enter_00 cannot start: its interpreter /opt/board/sh is missing or not executable",
      "DIR, as scripts of an Artifact: 0 run, 1 problem, 0 notes.",
    ],
  });
  const image = await mkdtemp(join(tmpdir(), "switchback-image-"));
  try {
    await mkdir(join(image, "opt/board"), { recursive: true });
    await writeFile(join(image, "opt/board/sh"), "", { mode: 0o755 });
    expect((await check(dir, "--root", image)).out[0]).toBe("runs: ArtifactInstall_Enter_00");
  } finally {
    await rm(image, { recursive: true });
  }
});

test("of a folder whose version is refused, no script is said to run", async () => {
  await put("version", "4", 0o644);
  await put("Idle_Enter_00");
  expect(await check(dir)).toMatchObject({
    exitCode: 1,
    out: [
      "problem: version must hold 2 or 3: no script of the root filesystem runs",
      "DIR, as scripts of the root filesystem: 0 run, 1 problem, 0 notes.",
    ],
  });
});
