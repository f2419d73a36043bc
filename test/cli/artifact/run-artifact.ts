import { run } from "../../../src/cli/run.ts";
import { RecordingIo } from "../../support/recording-io.ts";

/** Runs `switchback artifact ...` in this process. */
export async function artifact(...args: readonly string[]): Promise<RecordingIo> {
  const io = new RecordingIo();
  await run("switchback", ["artifact", ...args], io);
  return io;
}

/** The result of a failed command: the status, and the one line on stderr. */
export async function failure(...args: readonly string[]): Promise<string> {
  const io = await artifact(...args);
  if (io.exitCode !== 1 || io.errLines.length !== 1) {
    throw new Error(`exit ${io.exitCode}, stderr: ${io.errLines.join(" / ")}, stdout: ${io.outLines.join(" / ")}`);
  }
  return io.errLines[0] ?? "";
}
