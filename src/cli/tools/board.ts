import { type Command, Option } from "commander";
import type { BoardImageBoots } from "../../agent/device/board.ts";
import type { CliIo } from "../../agent/io.ts";
import { jsonLine } from "../one-line.ts";
import { describeStart, describeStatus, startAsJson, statusAsJson } from "./board-text.ts";
import { parseByteSize } from "./byte-size.ts";

/** Size of the first system on a new board, unless its slots are smaller. */
const FIRST_IMAGE_BYTES = 8 * 1024 ** 2;
const FIRST_VERSION = "v1";

/** `switchback board`: a board made of files, to try updates on. */
export function register(program: Command, io: CliIo): void {
  const board = program
    .command("board")
    .description("make and run a virtual board, to try updates without hardware")
    .addHelpText("after", EXAMPLES);

  board
    .command("create")
    .description("make a board from files, with a working system in slot A")
    .argument("<dir>", "new or empty folder")
    .option("--slot-size <size>", "size of each slot", "64M")
    .option("--device-type <type>", "device type of the board", "virtual-board")
    .option(
      "--firmware <program>",
      "program that plays the board's boot loader at each power-on; default: that of the virtual board",
    )
    .addHelpText("after", CREATE_EXAMPLES)
    .action(async (dir: string, options: { slotSize: string; deviceType: string; firmware?: string }) => {
      const slotBytes = parseByteSize(options.slotSize);
      const { virtualBoard } = await import("../../agent/device/board.ts");
      const { deviceType, firmware } = options;
      const imageBytes = Math.min(FIRST_IMAGE_BYTES, slotBytes);
      const board = { slotBytes, deviceType, version: FIRST_VERSION, imageBytes };
      if (firmware === undefined) await virtualBoard.create(dir, board);
      else await virtualBoard.createWithFirmware(dir, board, firmware);
      io.out(`Made a board of type ${options.deviceType} in ${dir}: ${FIRST_VERSION} in slot A, nothing in slot B.`);
      io.out(`Switch it on: switchback board boot ${dir}`);
    });

  board
    .command("boot")
    .description("switch the board off without warning, and on again")
    .argument("<dir>", "the board's folder")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      "\nExit status:\n  0  the system is up\n  1  it is not\n\nExample:\n  switchback board boot demo-board",
    )
    .action(async (dir: string, options: { json?: true }) => {
      const { virtualBoard } = await import("../../agent/device/board.ts");
      const { boardInit } = await import("./board-init.ts");
      const start = await virtualBoard.boot(dir, (booted) => boardInit(booted, io));
      print(io, options.json === true ? [jsonLine(startAsJson(start))] : describeStart(start));
      if (start.outcome.kind !== "up") io.exitCode = 1;
    });

  board
    .command("status")
    .description("show what the slots hold, what runs, and what boots next")
    .argument("<dir>", "the board's folder")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  switchback board status demo-board")
    .action(async (dir: string, options: { json?: true }) => {
      const { virtualBoard } = await import("../../agent/device/board.ts");
      const status = await virtualBoard.status(dir);
      print(io, options.json === true ? [jsonLine(statusAsJson(status))] : describeStatus(status));
    });

  board
    .command("image")
    .description("make an image for `artifact write rootfs-image`; the same options give the same bytes")
    .argument("<out>", "file to write")
    .requiredOption("--version <version>", "version that the image contains")
    .option("--size <size>", "size of the image", "32M")
    .addOption(
      new Option("--boots <how>", "what the system does when it starts")
        .choices(["yes", "hangs", "panics"])
        .default("yes"),
    )
    .addHelpText("after", "\nExample:\n  switchback board image v2.img --version v2 --size 16M")
    .action(async (out: string, options: { version: string; size: string; boots: BoardImageBoots }) => {
      const sizeBytes = parseByteSize(options.size);
      const { virtualBoard } = await import("../../agent/device/board.ts");
      await virtualBoard.writeImage(out, options.version, sizeBytes, options.boots, io.signal);
      io.out(`Wrote ${options.version} to ${out}.`);
    });
}

function print(io: CliIo, lines: readonly string[]): void {
  for (const line of lines) io.out(line);
}

const CREATE_EXAMPLES = `
A firmware answers the requests of docs/reference/adapter-protocol.md, "Firmware". Name its adapter in etc/mender.conf of
the board, in place of the boot loader "fake".

Examples:
  switchback board create demo-board --slot-size 32M
  switchback board create my-board --firmware ./my-firmware.sh`;

const EXAMPLES = `
Examples:
  switchback board create demo-board
  switchback board boot demo-board
  switchback board image v2.img --version v2
  switchback artifact write rootfs-image -t virtual-board -n v2 -f v2.img -o v2.mender
  switchback -c demo-board/etc/mender.conf -d demo-board/data install v2.mender

Update modules and state scripts of a board change its folder root, not this machine.`;
