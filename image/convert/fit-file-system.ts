import { stat, truncate } from "node:fs/promises";
import { AgentError } from "../../src/errors/agent-error.ts";
import { IMAGE, runTool, type Tool } from "../files/tool.ts";

const E2FSCK: Tool = { program: "e2fsck", package: "e2fsprogs" };
const RESIZE2FS: Tool = { program: "resize2fs", package: "e2fsprogs" };
const TUNE2FS: Tool = { program: "tune2fs", package: "e2fsprogs" };
/** Nothing found, or all errors corrected. */
const SOUND: readonly (number | string)[] = [0, 1];
/** Features that U-Boot and GRUB cannot read. They need no conversion of data. */
const UNREADABLE = "^orphan_file,^metadata_csum_seed";

/**
 * Checks an ext filesystem in a file, and makes it as large as a slot.
 *
 * @throws {AgentError} IMAGE_DAMAGED, CONVERT_SPACE, IMAGE_TOOL_MISSING
 */
export async function fitFileSystem(path: string, size: number, signal: AbortSignal): Promise<void> {
  const call = (tool: Tool, ...args: readonly string[]) =>
    runTool({ tool, args: [...args, IMAGE], place: { path, offset: 0, size }, writes: true }, signal);
  const checked = await call(E2FSCK, "-f", "-y");
  if (!SOUND.includes(checked.status)) {
    const said = checked.stdout.toString("utf8").slice(-400);
    throw new AgentError("IMAGE_DAMAGED", { image: path, status: checked.status, e2fsck: said });
  }
  await call(TUNE2FS, "-O", UNREADABLE);
  // resize2fs takes the size of a file as the limit.
  const resized = await resize(path, size, signal);
  if (resized.status === 0) return;
  throw new AgentError("CONVERT_SPACE", { has: size, resize2fs: resized.stderr.split("\n").slice(1).join("; ") });
}

async function resize(path: string, size: number, signal: AbortSignal) {
  const place = { path, offset: 0, size };
  const { size: now } = await stat(path);
  if (now < size) await truncate(path, size);
  const args = [IMAGE, `${size / 512}s`];
  const done = await runTool({ tool: RESIZE2FS, args, place, writes: true }, signal);
  if (done.status === 0) await truncate(path, size);
  return done;
}
