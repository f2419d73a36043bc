import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findScripts } from "../../src/artifact/script-files.ts";
import { run } from "../../src/cli/run.ts";
import { RecordingIo } from "../support/recording-io.ts";

for (const kind of ["rootfs", "artifact"]) {
  test(`every script that we ship for the ${kind} folder runs`, async () => {
    const io = new RecordingIo();
    await run("switchback", ["state-scripts", "check", join("state-scripts", kind), "--for", kind, "--json"], io);
    const { runnable, findings } = JSON.parse(io.outLines.join("\n"));
    expect(findings.filter(({ level }: { level: string }) => level === "problem")).toEqual([]);
    expect(runnable.length).toBeGreaterThan(2);
    const readme = await readFile("state-scripts/README.md", "utf8");
    for (const name of runnable) expect(readme).toContain(name.replace(/^.*_[0-9]{2}_/, ""));
  });
}

test("an Artifact can take the folder for it as it is, with each script under its names", async () => {
  const scripts = await findScripts(["state-scripts/artifact"]);
  expect(scripts.filter(({ name }) => name.endsWith("_keep-data"))).toHaveLength(5);
  const texts = await Promise.all(scripts.map(({ path }) => readFile(path, "utf8")));
  expect(new Set(texts).size).toBe(2);
});
