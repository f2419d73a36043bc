import { execFileSync, spawnSync } from "node:child_process";
import { expect } from "vitest";
import { run } from "../../../src/cli/run.ts";
import { RecordingIo } from "../../support/recording-io.ts";

/** Stdout lines of our artifact tool, which must succeed. */
export async function ours(...args: readonly string[]): Promise<readonly string[]> {
  const io = new RecordingIo();
  await run("switchback", ["artifact", ...args], io);
  expect({ args, exitCode: io.exitCode, errors: io.errLines }).toEqual({ args, exitCode: 0, errors: [] });
  return io.outLines;
}

/** Stdout lines of the real tool, which must succeed. */
export function theirs(...args: readonly string[]): readonly string[] {
  const { status, stdout, stderr } = spawnSync("mender-artifact", args, {
    encoding: "utf8",
    env: { ...process.env, TZ: "UTC" },
  });
  expect(status, `mender-artifact ${args.join(" ")}: ${stderr}`).toBe(0);
  return stdout.replace(/\n$/, "").split("\n");
}

const UNPACK: Readonly<Record<string, readonly [string, ...string[]]>> = {
  "header.tar": ["cat"],
  "header.tar.gz": ["gzip", "-dc"],
  "header.tar.xz": ["xz", "-dc"],
};

/** A document of the header, byte for byte. */
export function headerDocument(artifact: string, name: string): string {
  const member = execFileSync("tar", ["-tf", artifact], { encoding: "utf8" })
    .split("\n")
    .find((line) => line.startsWith("header.tar"));
  const [program, ...args] = UNPACK[member ?? ""] ?? ["false"];
  const packed = execFileSync("tar", ["-xOf", artifact, member ?? ""]);
  return execFileSync("tar", ["-xOf", "-", name], {
    input: execFileSync(program, args, { input: packed }),
    encoding: "utf8",
  });
}
