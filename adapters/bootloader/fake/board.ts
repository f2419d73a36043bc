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
  /** Version of the system in slot A, and name of the Artifact that the board reports. */
  readonly version: string;
  readonly imageBytes: number;
}

/**
 * Creates a board made of files: switched off, with a working system in slot A and an empty slot B.
 *
 * @throws {AgentError} BOARD_EXISTS if `dir` is not empty, BOARD_SIZE if the image does not fit, BOARD_IMAGE, BOARD_IO
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
    // An incomplete board would block the next attempt.
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

/**
 * Writes a board image into a slot. The slot stays untouched if the image is impossible.
 *
 * @throws {AgentError} BOARD_IMAGE, BOARD_IO
 */
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
      // Prefer the signal's reason: Node's own error does not say who stopped the write.
      signal?.throwIfAborted();
      throw error;
    }
  });
}

/**
 * Like `writeBoardImage`, but for a user's file, which appears complete or not at all.
 *
 * @throws {AgentError} BOARD_IMAGE, OUTPUT_FAILED
 */
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
  /** An update is on trial: without a commit the boot loader rolls back. Unknown with the user's own firmware. */
  readonly trial: boolean | undefined;
  /** What a power-on would start now. Unknown with the user's own firmware. */
  readonly next: PowerOnOutcome | undefined;
}

/** Reads the state and changes nothing. @throws {AgentError} BOARD_MISSING, BOOTENV_READ */
export async function boardStatus(dir: string): Promise<BoardStatus> {
  const running = await runningSlot(dir);
  const paths = boardPaths(dir);
  const slots = { A: await inspectSlot(paths.slots.A), B: await inspectSlot(paths.slots.B) };
  if (existsSync(paths.firmware)) return { running, slots, trial: undefined, next: undefined };
  const env = await loadVariables(paths.env);
  const { outcome } = powerOn(env, BOARD_PARTITIONS, { A: kernelFate(slots.A), B: kernelFate(slots.B) });
  return { running, slots, trial: env.get("upgrade_available") === "1", next: outcome };
}
