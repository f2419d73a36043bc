import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRpiTryboot } from "../../adapters/bootloader/rpi-tryboot/bootloader.ts";
import { createTrybootFirmware } from "../../adapters/bootloader/rpi-tryboot/firmware.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { Process } from "../../src/ports/process.ts";
import { type Act, type BootFileOptions, type DisposableStorageRig, makeFileRig } from "./boot-file-rigs.ts";

/** The access that a board gives the agent to its firmware. */
export interface TrybootBoard {
  /** `vcmailbox` reaches the firmware. Such a board's `reboot` keeps its argument from the kernel, as busybox's does. */
  readonly mailbox: boolean;
  /** The firmware reports what it has booted. */
  readonly tells: boolean;
}

const BOOT_PARTITIONS = { A: 2, B: 3 };

/** The first FAT partition, and the firmware's rule: the flag of a trial applies to one start, which clears it. */
export const trybootRig =
  ({ mailbox, tells }: TrybootBoard) =>
  async (options: BootFileOptions = {}): Promise<DisposableStorageRig> => {
    const folder = await mkdtemp(join(tmpdir(), "switchback-rig-"));
    const node = await mkdtemp(join(tmpdir(), "switchback-node-"));
    const file = join(folder, "autoboot.txt");
    /** In a register that survives a reset. */
    let flag = false;
    let starts = 0;
    const rig = await makeFileRig(
      folder,
      {
        async factory() {
          flag = false;
          await writeFile(file, "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n");
        },
        forget() {
          flag = false;
        },
        async choose(argument) {
          starts += 1;
          const tryboot = flag || (!mailbox && argument === "0 tryboot");
          flag = false;
          const [, all = "", tried = ""] = (await readFile(file, "utf8")).split(/\[(?:all|tryboot)\]/);
          if (!all.includes("tryboot_a_b=1")) throw new Error("tryboot.txt is looked for instead");
          const partition = Number(/^boot_partition=([0-9]+)$/m.exec(tryboot ? tried : all)?.[1]);
          if (tells) await tellKernel(node, { partition, tryboot: Number(tryboot) });
          return partition === BOOT_PARTITIONS.B ? "B" : "A";
        },
        bootloader(files, booted, act) {
          const setFlag = async (value: boolean): Promise<void> => {
            flag = value;
          };
          return createRpiTryboot({
            bootFolder: folder,
            bootPartitions: BOOT_PARTITIONS,
            files,
            firmware: createTrybootFirmware(mailbox ? vcmailbox(act, setFlag) : noVcmailbox, node),
            booted,
            bootId: async () => `boot-${starts}`,
          });
        },
      },
      options,
    );
    return {
      ...rig,
      async dispose() {
        await rig.dispose();
        await rm(node, { recursive: true });
      },
    };
  };

async function tellKernel(node: string, cells: Readonly<Record<string, number>>): Promise<void> {
  await mkdir(node, { recursive: true });
  for (const [name, value] of Object.entries(cells)) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    await writeFile(join(node, name), bytes);
  }
}

const noVcmailbox: Process = {
  async run([program]) {
    throw new AgentError("PROCESS_MISSING", { program });
  },
};

/** The firmware's answer is the request, with the codes of success in it. */
const vcmailbox = (act: Act, setFlag: (value: boolean) => Promise<void>): Process => ({
  async run(argv) {
    const [program, tag, bytes, code, value] = argv;
    if (program !== "vcmailbox" || tag !== "0x00038064" || bytes !== "4" || code !== "0") {
      throw new Error(`not known here: ${argv.join(" ")}`);
    }
    await act(
      () => setFlag(value === "1"),
      async () => undefined,
    );
    const stdout = `0x0000001c 0x80000000 ${tag} 0x00000004 0x80000004 0x0000000${value} 0x00000000\n`;
    return { exitCode: 0, stdout, stderr: "" };
  },
});
