/**
 * Shows what Switchback does, with the built programs: an update of one virtual board that is
 * kept, one whose system never comes up, and then a server with twelve boards, one of which fails. On a terminal, the
 * server and its boards run until Ctrl-C.
 *   --device   only the one board, without a server
 */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { deviceCommands, showDevice } from "./demo/device.ts";
import { showFleet } from "./demo/fleet.ts";
import { DemoFailure, Stage } from "./demo/stage.ts";

const { values } = parseArgs({
  // Tests give the programs that they have built.
  options: { device: { type: "boolean", default: false }, programs: { type: "string", default: "dist" } },
});
if (!existsSync(join(values.programs, "switchback.mjs")))
  spawnSync("npm", ["run", "--silent", "build"], { stdio: ["ignore", "ignore", "inherit"] });

const dir = mkdtempSync(join(tmpdir(), "switchback-demo-"));
// PostgreSQL has a user of its own if this is root, and gets through to its folder.
chmodSync(dir, 0o711);
const stage = new Stage(dir, values.programs);
const stop = (): void => stage.interrupt();
process.on("SIGINT", stop);
process.on("SIGTERM", stop);
try {
  await showDevice(stage);
  if (values.device) printHints();
  else await showFleet(stage);
} catch (thrown) {
  // A command in the background may have failed, and is then the reason why the others were ended.
  const error: unknown = stage.signal.aborted ? stage.signal.reason : thrown;
  const isInterrupted = stage.signal.aborted && !(error instanceof DemoFailure);
  if (!isInterrupted && !(error instanceof DemoFailure)) throw error;
  process.stderr.write(isInterrupted ? "\nInterrupted.\n" : `The demonstration has failed: ${error}.\n`);
  process.exitCode = isInterrupted ? 130 : 1;
} finally {
  await stage.end();
  if (!values.device || process.exitCode !== undefined) rmSync(dir, { recursive: true, force: true });
}

function printHints(): void {
  stage.say("The board is back on v2, and says so. It stays here, to try things by hand:");
  for (const command of deviceCommands(stage)) process.stdout.write(`  ${command}\n`);
}
