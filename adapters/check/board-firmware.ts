import { existsSync } from "node:fs";
import { access, constants, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { SlotId } from "../../src/ports/bootloader.ts";
import { replaceFile } from "../../src/util/replace-file.ts";
import { readSmallFile } from "../../src/util/small-file.ts";
import { type BoardOptions, createBoard } from "../bootloader/fake/board.ts";
import { inspectSlot } from "../bootloader/fake/board-image.ts";
import { boardIo } from "../bootloader/fake/board-io.ts";
import { boardPaths, runningSlot, setRunningSlot } from "../bootloader/fake/board-layout.ts";
import { type BoardStart, kernelFate } from "../bootloader/fake/firmware.ts";
import { diskActs } from "../files/disk.ts";
import { adapterEnvironment } from "../foreign/context.ts";
import { answerOf, createAsk } from "../foreign/program-answers.ts";
import { createChildProcess } from "../process/child-process.ts";

/** A boot loader decides much faster; a program that hangs must not hang the board. */
const LIMIT_MS = 30_000;

type Request = readonly ["factory"] | readonly ["power-on", string, string];

/**
 * Creates a board whose boot loader is `program`, which creates its own files below the board.
 *
 * @throws {AgentError} BOARD_FIRMWARE, which leaves no board behind, and those of `createBoard`
 */
export async function createWithFirmware(dir: string, options: BoardOptions, program: string): Promise<void> {
  const path = resolve(program);
  await expectProgram(path);
  const wasThere = existsSync(dir);
  await createBoard(dir, options);
  try {
    await boardIo(dir, () => diskActs.writeSynced(boardPaths(dir).firmware, `${path}\n`, 0o644));
    await ask(dir, path, ["factory"], LIMIT_MS);
  } catch (error) {
    // An incomplete board would block the next attempt.
    for (const made of wasThere ? (await readdir(dir)).map((name) => join(dir, name)) : [dir])
      await diskActs.remove(made).catch(() => {
        // ignored: `error` says what went wrong.
      });
    throw error;
  }
}

/**
 * Cuts the board's power and restores it, and lets the board's firmware choose what runs.
 *
 * @throws {AgentError} BOARD_FIRMWARE, after which the board runs the same system as before; BOARD_MISSING, BOARD_IO
 */
export async function startByFirmware(dir: string, limitMs: number = LIMIT_MS): Promise<BoardStart> {
  const paths = boardPaths(dir);
  await runningSlot(dir);
  const before = readSmallFile(paths.commandLine);
  const program = (await boardIo(paths.firmware, async () => readSmallFile(paths.firmware))).trim();
  const slots = { A: await inspectSlot(paths.slots.A), B: await inspectSlot(paths.slots.B) };
  const fates = { A: kernelFate(slots.A), B: kernelFate(slots.B) };
  try {
    await expectProgram(program);
    const answer = await ask(dir, program, ["power-on", fates.A, fates.B], limitMs);
    const slot = named(program, answer, fates);
    // The firmware has written the command line of the kernel that it started, even for one that hangs.
    if (slot === undefined) await setRunningSlot(dir, undefined);
    else if ((await runningSlot(dir)) !== slot)
      throw new AgentError("BOARD_FIRMWARE", { program, slot, reason: "/proc/cmdline names another root=" });
    const log = [`The firmware ${program} answers: slot ${slot ?? "none"}.`];
    return { outcome: slot === undefined ? { kind: "none" } : { kind: "up", slot }, log, slots };
  } catch (error) {
    await boardIo(paths.commandLine, () => replaceFile(paths.commandLine, before, diskActs));
    throw error;
  }
}

/** The slot that runs according to the program; `undefined` for none. @throws {AgentError} BOARD_FIRMWARE */
function named(program: string, answer: string, fates: Readonly<Record<SlotId, string>>): SlotId | undefined {
  if (answer === "none") return undefined;
  if (answer !== "A" && answer !== "B")
    throw new AgentError("BOARD_FIRMWARE", { program, slot: answer, reason: "there is no such slot" });
  if (fates[answer] !== "up")
    throw new AgentError("BOARD_FIRMWARE", { program, slot: answer, reason: "the system in this slot does not start" });
  return answer;
}

/** @returns the value of `slot` in the answer to a power-on */
async function ask(dir: string, program: string, request: Request, timeoutMs: number): Promise<string> {
  const root = resolve(dir);
  const env = adapterEnvironment({ root, slots: boardPaths(root).slots, options: {} }, process.env);
  try {
    const answer = await createAsk(program, createChildProcess({ env }))(request, new AbortController().signal, {
      timeoutMs,
    });
    return request[0] === "factory" ? "" : answerOf(answer, "slot");
  } catch (cause) {
    if (!(cause instanceof AgentError)) throw cause;
    throw new AgentError("BOARD_FIRMWARE", { program, request: request.join(" ") }, cause);
  }
}

/** @throws {AgentError} BOARD_FIRMWARE */
async function expectProgram(program: string): Promise<void> {
  try {
    if (!(await stat(program)).isFile())
      throw new AgentError("BOARD_FIRMWARE", { program, reason: "it is not a file" });
    await access(program, constants.X_OK);
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    throw new AgentError("BOARD_FIRMWARE", { program, reason: "it cannot be started" }, cause);
  }
}
