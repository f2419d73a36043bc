import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exists } from "../../image/cache.ts";
import type { CliIo } from "../../src/agent/io.ts";
import { loadHarnessBoard } from "../board/harness-board.ts";
import { plainImage } from "../harness/image-copy.ts";
import { Machine } from "../rig/machine.ts";
import { accessFrom, expectHostHas } from "./options.ts";
import { interrupted } from "./terminal.ts";

export interface RunOptions {
  readonly board: string;
  readonly keep?: string;
  readonly user: string;
  readonly sshKey?: string;
  readonly kvm?: true;
}

/**
 * What `run` does.
 *
 * @throws {AgentError} BOARD_FILE_INVALID, HARNESS_MISSING, OPTION_INVALID, and the codes of `plainImage`
 */
export async function runImage(image: string, options: RunOptions, io: CliIo): Promise<void> {
  const { hardware, name } = loadHarnessBoard(options.board);
  const access = accessFrom(options);
  await expectHostHas(hardware);
  const folder = options.keep ?? (await mkdtemp(join(tmpdir(), "switchback-qemu-")));
  await mkdir(folder, { recursive: true });
  let machine: Machine | undefined;
  try {
    const disk = join(folder, "disk.img");
    if (!(await exists(disk))) {
      const unpacked = join(folder, "image");
      const plain = await plainImage(image, unpacked, io.signal, () => undefined);
      await plain.copyTo(disk, hardware.needsPowerOfTwo);
      await rm(unpacked, { force: true });
    }
    machine = await Machine.start({ hardware, access, disk, folder, ...(options.kvm === true && { kvm: true }) });
    machine.console.echo(process.stdout);
    io.err(`${name} starts. When it is up, log in with:`);
    const known = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null";
    const key = options.sshKey === undefined ? "" : ` -i ${options.sshKey}`;
    io.err(`  ssh -p ${machine.port}${key} ${known} ${access.user}@127.0.0.1`);
    io.err(`The console is also in ${folder}/console.log. Ctrl-C cuts the power.`);
    await Promise.race([interrupted(io), machine.ended]);
  } finally {
    await machine?.cutPower();
    if (options.keep === undefined) await rm(folder, { recursive: true, force: true });
  }
}
