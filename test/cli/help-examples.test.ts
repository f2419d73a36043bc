import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { filesBelow } from "../../scripts/lib/files.ts";
import { commandsFor } from "../../src/cli/commands.ts";
import { cli } from "../support/test-board.ts";

let bin = "";
beforeAll(async () => {
  bin = await mkdtemp(join(tmpdir(), "switchback-examples-"));
  await program("switchback", 'exit "$STATUS"');
  await program("reboot", 'echo reboot >>"$BIN/acts"');
});
afterAll(() => rm(bin, { recursive: true }));

async function program(name: string, body: string): Promise<void> {
  await writeFile(join(bin, name), `#!/bin/sh\n${body}\n`);
  await chmod(join(bin, name), 0o755);
}

/** Runs a line of shell in which the agent ends with `status`, and tells whether the device was rebooted. */
async function reboots(line: string, status: number): Promise<boolean> {
  await rm(join(bin, "acts"), { force: true });
  const env = { PATH: `${bin}:/usr/bin:/bin`, STATUS: String(status), BIN: bin };
  const { stderr } = spawnSync("sh", ["-c", line], { cwd: bin, env, input: "", encoding: "utf8" });
  expect(stderr).toBe("");
  return existsSync(join(bin, "acts"));
}

async function helpLines(): Promise<readonly string[]> {
  const texts: string[] = [];
  for (const command of Object.keys(commandsFor("switchback")))
    texts.push(...(await cli("switchback", [command, "--help"])).out);
  return texts.map((line) => line.trim());
}

async function pageLines(): Promise<readonly string[]> {
  const pages = [...(await filesBelow("docs", ".md")), "README.md"];
  return (await Promise.all(pages.map((page) => readFile(page, "utf8")))).join("\n").split("\n");
}

test("an example that reboots the device does so only when the agent asks for it", async () => {
  const examples = [...(await helpLines()), ...(await pageLines())].filter((line) =>
    /^switchback .*\breboot\b(?! ?")/.test(line.replaceAll(/--reboot\S*/g, "")),
  );
  expect(examples.length).toBeGreaterThanOrEqual(3);
  for (const example of examples) {
    expect([example, await reboots(example, 4)]).toEqual([example, true]);
    for (const status of [0, 1, 2])
      expect([example, status, await reboots(example, status)]).toEqual([example, status, false]);
  }
});

test("every example of a help text is a line that the shell understands", async () => {
  const examples = (await helpLines()).filter((line) => /^(?:\S+ \| )?switchback /.test(line) && !line.endsWith("\\"));
  expect(examples.length).toBeGreaterThan(20);
  for (const example of examples) {
    const { status, stderr } = spawnSync("sh", ["-n", "-c", example], { encoding: "utf8" });
    expect([example, status, stderr]).toEqual([example, 0, ""]);
  }
});
