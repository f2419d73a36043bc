import { existsSync } from "node:fs";
import { readdir, truncate, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { SlotId } from "../../../src/ports/bootloader.ts";
import { diskActs } from "../../files/disk.ts";
import { writeWhole } from "../../files/output-file.ts";
import { type BoardImageBoots, boardImage, inspectSlot, type SlotContent } from "./board-image.ts";
import { boardIo } from "./board-io.ts";
import { BOARD_PARTITIONS, boardPaths, runningSlot, setRunningSlot } from "./board-layout.ts";
import { loadVariables, saveVariables } from "./file-env.ts";
import { kernelFate } from "./firmware.ts";
import { type PowerOnOutcome, powerOn } from "./power-on.ts";

export interface BoardOptions {
  readonly slotBytes: number;
  readonly deviceType: string;
  /** Version of the system in slot A; the name of the Artifact that the board reports. */
  readonly version: string;
  readonly imageBytes: number;
}

/**
 * Makes a board out of files, switched off, with a working system in slot A and an empty slot B.
 *
 * @throws {AgentError} BOARD_EXISTS when `dir` holds anything, BOARD_SIZE when the image does not fit,
 * BOARD_IMAGE, BOARD_IO
 */
export function createBoard(dir: string, options: BoardOptions): Promise<void> {
  return boardIo(dir, () => fillBoard(resolve(dir), options));
}

async function fillBoard(board: string, options: BoardOptions): Promise<void> {
  const { slotBytes, imageBytes } = options;
  if (!Number.isSafeInteger(slotBytes) || slotBytes < imageBytes)
    throw new AgentError("BOARD_SIZE", { slotBytes, imageBytes });
  const firstMade = await diskActs.makeFolder(board, 0o777);
  if ((await readdir(board)).length > 0) throw new AgentError("BOARD_EXISTS", { board });
  try {
    await makeFiles(board, options);
  } catch (error) {
    // Half a board would be in the way of the next try.
    const made = firstMade === undefined ? (await readdir(board)).map((name) => join(board, name)) : [firstMade];
    // ignored: `error` says what went wrong.
    for (const path of made) await diskActs.remove(path).catch(() => undefined);
    throw error;
  }
}

async function makeFiles(board: string, { slotBytes, imageBytes, version, deviceType }: BoardOptions): Promise<void> {
  const { slots, env, commandLine, confDir, dataDir, shareDir } = boardPaths(board);
  const modules = join(shareDir, "modules/v3");
  const boots = [dirname(slots.A), dirname(env), dirname(commandLine)];
  for (const folder of [...boots, join(confDir, "scripts"), modules, dataDir]) await diskActs.makeFolder(folder, 0o777);
  await writeBoardImage(slots.A, version, imageBytes, "yes");
  await truncate(slots.A, slotBytes);
  await writeFile(slots.B, "");
  await truncate(slots.B, slotBytes);
  await writeFile(`${dataDir}/device_type`, `device_type=${deviceType}\n`);
  await writeFile(`${confDir}/artifact_info`, `artifact_name=${version}\n`);
  const configuration = {
    RootfsPartA: slots.A,
    RootfsPartB: slots.B,
    Switchback: { Bootloader: "fake", Board: board },
  };
  await writeFile(`${confDir}/mender.conf`, `${JSON.stringify(configuration, undefined, 2)}\n`);
  await saveVariables(env, new Map(Object.entries(FACTORY_ENV)));
  await setRunningSlot(board, undefined);
}

/** The environment of a board that was never switched on; the first power-on adds the canary. */
const FACTORY_ENV = {
  mender_boot_part: String(BOARD_PARTITIONS.A),
  mender_boot_part_hex: BOARD_PARTITIONS.A.toString(16).toUpperCase(),
  upgrade_available: "0",
  bootcount: "0",
  bootlimit: "1",
  mender_check_saveenv_canary: "1",
};

/** Writes a board image into a slot, which stays untouched when no image can be made. @throws {AgentError} BOARD_IMAGE, BOARD_IO */
export function writeBoardImage(
  path: string,
  version: string,
  sizeBytes: number,
  boots: BoardImageBoots,
  signal?: AbortSignal,
): Promise<void> {
  return boardIo(path, async () => {
    try {
      const blocks = boardImage(version, sizeBytes, boots, signal);
      const header = await blocks.next();
      await writeFile(path, header.done === true ? "" : header.value);
      await writeFile(path, blocks, { flag: "a", ...(signal && { signal }) });
    } catch (error) {
      // Node's own word for it says nothing of who has stopped it.
      signal?.throwIfAborted();
      throw error;
    }
  });
}

/** The same for a file of a person's: it is there whole or not at all. @throws {AgentError} BOARD_IMAGE, OUTPUT_FAILED */
export const writeImageFile: typeof writeBoardImage = (path, version, sizeBytes, boots, signal) =>
  writeWhole(path, async (output) => {
    try {
      for await (const block of boardImage(version, sizeBytes, boots, signal)) {
        signal?.throwIfAborted();
        await output.write(block);
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  });

export interface BoardStatus {
  readonly running: SlotId | undefined;
  readonly slots: Readonly<Record<SlotId, SlotContent>>;
  /** An update is on trial: without a commit the boot loader goes back. Unknown of a firmware of the user's own. */
  readonly trial: boolean | undefined;
  /** What a power-on would bring up now. Unknown of a firmware of the user's own. */
  readonly next: PowerOnOutcome | undefined;
}

/** Looks without touching anything. @throws {AgentError} BOARD_MISSING, BOOTENV_READ */
export async function boardStatus(dir: string): Promise<BoardStatus> {
  const running = await runningSlot(dir);
  const paths = boardPaths(dir);
  const slots = { A: await inspectSlot(paths.slots.A), B: await inspectSlot(paths.slots.B) };
  if (existsSync(paths.firmware)) return { running, slots, trial: undefined, next: undefined };
  const env = await loadVariables(paths.env);
  const { outcome } = powerOn(env, BOARD_PARTITIONS, { A: kernelFate(slots.A), B: kernelFate(slots.B) });
  return { running, slots, trial: env.get("upgrade_available") === "1", next: outcome };
}
