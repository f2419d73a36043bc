import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { pipeline } from "node:stream/promises";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { BoardFileCopy, BoardPartition, ImageBoard, Role } from "../board/schema.ts";
import type { InspectedFiles } from "../inspect/context.ts";
import type { PlainSystem } from "./find-plain-system.ts";

const COMMAND_LINE = "cmdline.txt";
/** Kernel arguments that run first-start programs, which would enlarge the root filesystem over the other slot. */
const FIRST_START = /\s*\binit=\S+|\s*\bsystemd\.run\S*=\S+/g;
/** The first boot stage of models before the Raspberry Pi 4. Their boot ROM reads it from the first partition only. */
const FIRST_STAGE = /^bootcode\.bin$/i;

/**
 * Returns the board with its boot partitions filled from the plain image. For `tryboot`, both slots get the firmware
 * and the
 * kernel of the image, and a command line that names the slot's root filesystem.
 *
 * @param folder does not exist yet
 * @throws {AgentError} CONVERT_BOOT
 */
export async function bootFiles(
  board: ImageBoard,
  { boot }: PlainSystem,
  folder: string,
  signal: AbortSignal,
): Promise<ImageBoard> {
  const { firstBoot: _, rootfs: __, ...rest } = board;
  if (board.bootloader.kind !== "rpi-tryboot") return rest;
  if (boot === undefined) throw new AgentError("CONVERT_BOOT", { missing: "a FAT partition with the firmware" });
  await extract(boot.files, "/", folder, signal);
  const line = await textOf(boot.files, `/${COMMAND_LINE}`, signal);
  if (line === undefined) throw new AgentError("CONVERT_BOOT", { missing: COMMAND_LINE });
  const stages = (await boot.files.list("/", signal)).filter(({ name }) => FIRST_STAGE.test(name));
  const firmware = stages.map(({ name }) => ({ from: join(folder, name), to: name }));
  const partitions = board.partitions?.map((each) => filled(each, folder, line, firmware));
  return { ...rest, ...(partitions && { partitions }) };
}

const SLOTS: Readonly<Partial<Record<Role, Role>>> = { bootA: "rootfsA", bootB: "rootfsB" };

function filled(
  partition: BoardPartition,
  folder: string,
  line: string,
  firmware: readonly BoardFileCopy[],
): BoardPartition {
  const { role, files = [] } = partition;
  if (role === "boot") return { ...partition, files: [...firmware, ...files] };
  const slot = SLOTS[role];
  if (slot === undefined) return partition;
  const text = `${commandLine(line, `PARTUUID=@${slot}.partuuid@`)}\n`;
  return { ...partition, content: folder, files: [{ to: COMMAND_LINE, text }, ...files] };
}

/** The command line of the kernel with another root filesystem. */
function commandLine(line: string, root: string): string {
  const rest = line.trim().replace(FIRST_START, "");
  return /(?:^|\s)root=\S+/.test(rest) ? rest.replace(/(^|\s)root=\S+/, `$1root=${root}`) : `${rest} root=${root}`;
}

async function extract(files: InspectedFiles, path: string, into: string, signal: AbortSignal): Promise<void> {
  await mkdir(into);
  for (const { name, kind } of await files.list(path, signal)) {
    if (name === ".." || name.includes("/")) throw new AgentError("CONVERT_BOOT", { name });
    const [from, to] = [posix.join(path, name), join(into, name)];
    if (kind === "folder") await extract(files, from, to, signal);
    else if (name !== COMMAND_LINE) await pipeline(files.read(from, signal), createWriteStream(to));
    else await writeFile(to, "");
  }
}

async function textOf(files: InspectedFiles, path: string, signal: AbortSignal): Promise<string | undefined> {
  if (!(await files.list("/", signal)).some(({ name }) => name === posix.basename(path))) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of files.read(path, signal)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}
