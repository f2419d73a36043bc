import { dirname } from "node:path";
import { load, YAMLException } from "js-yaml";
import * as z from "zod/mini";
import { lineOf } from "../../image/board/lines.ts";
import { parseImageBoard } from "../../image/board/load.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import { readSmallFile } from "../../src/util/small-file.ts";
import { ARCHITECTURES, type Architecture, type Hardware, hardwareOf, MachineSchema } from "./hardware.ts";

const text = z.string().check(z.minLength(1));

/** The part of a board file that the harness reads. The other keys of `qemu` belong to the builder of our own boards. */
const QemuSection = z.strictObject({
  architecture: z.optional(z.enum(ARCHITECTURES)),
  machine: z.optional(MachineSchema),
  uBoot: z.optional(z.unknown()),
  deviceTree: z.optional(z.unknown()),
  kernels: z.optional(z.unknown()),
  rootfs: z.optional(z.unknown()),
});

/** A board file for an image that something else has made: it need not describe partitions. */
const SmallBoard = z.strictObject({
  name: text,
  deviceType: z.optional(text),
  console: z.optional(text),
  disk: z.optional(z.strictObject({ device: text })),
  qemu: z.optional(z.unknown()),
});

/** A board that the harness can run. */
export interface HarnessBoard {
  readonly name: string;
  readonly hardware: Hardware;
}

/** @throws {AgentError} BOARD_FILE_INVALID, which names the line and the key */
export function loadHarnessBoard(file: string): HarnessBoard {
  let content: string;
  try {
    content = readSmallFile(file);
  } catch (cause) {
    throw new AgentError("BOARD_FILE_INVALID", { file }, cause);
  }
  return parseHarnessBoard(content, file);
}

/** @param file path for messages; paths in the text are relative to its folder */
export function parseHarnessBoard(content: string, file: string): HarnessBoard {
  const value = parsedYaml(content, file);
  const isWhole = typeof value === "object" && value !== null && ("partitions" in value || "ubi" in value);
  const board = isWhole ? parseImageBoard(content, file) : checked(SmallBoard, value, [], content, file);
  const { architecture, machine = {} } = checked(QemuSection, board.qemu ?? {}, ["qemu"], content, file);
  if (machine.up !== undefined) checkPattern(machine.up, content, file);
  const bootloader = "bootloader" in board ? board.bootloader : undefined;
  const hardware = hardwareOf({
    architecture: architecture ?? architectureOf(bootloader),
    machine,
    diskNode: board.disk?.device,
    folder: dirname(file),
  });
  return { name: board.name, hardware };
}

type Bootloader = ReturnType<typeof parseImageBoard>["bootloader"];

const TARGETS: Readonly<Record<string, Architecture>> = { "arm64-efi": "arm64", "arm-efi": "armhf" };

const architectureOf = (bootloader: Bootloader | undefined): Architecture =>
  (bootloader?.kind === "grub" ? TARGETS[bootloader.target ?? ""] : undefined) ?? "amd64";

function parsedYaml(content: string, file: string): unknown {
  try {
    return load(content);
  } catch (cause) {
    if (!(cause instanceof YAMLException)) throw cause;
    throw new AgentError("BOARD_FILE_INVALID", { file, line: (cause.mark?.line ?? 0) + 1, reason: cause.reason });
  }
}

function checked<Schema extends z.ZodMiniType>(
  schema: Schema,
  value: unknown,
  above: readonly string[],
  content: string,
  file: string,
): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { issues } = result.error;
  const issue = issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0];
  const path = [...above, ...(issue?.path ?? [])];
  if (issue?.code === "unrecognized_keys") throw invalid(content, file, [...path, issue.keys[0] ?? ""], "unknown key");
  throw invalid(content, file, path, issue?.message ?? "not valid");
}

function checkPattern(pattern: string, content: string, file: string): void {
  try {
    new RegExp(pattern);
  } catch (error) {
    throw invalid(content, file, ["qemu", "machine", "up"], error instanceof Error ? error.message : "not valid");
  }
}

function invalid(content: string, file: string, path: readonly PropertyKey[], reason: string): AgentError {
  const key = path.map(String).join(".") || "(top)";
  return new AgentError("BOARD_FILE_INVALID", { file, line: lineOf(content, path), key, reason });
}
