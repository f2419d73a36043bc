import { createHash } from "node:crypto";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { BootEnv } from "../../../src/ports/boot-env.ts";
import type { Finding } from "../../../src/ports/finding.ts";
import { expectRawWritable, type OpenRawFile, readWhole, writeRaw } from "../../linux/raw-file.ts";
import { checkPairs, firstDifference, setOnes } from "../boot-variables.ts";
import type { Exclusive } from "../exclusive.ts";
import { decodeBlock, type EnvBlock, encodeBlock, usedBytes, variablesOf, withVariables } from "./env-block.ts";

/** The unit that storage writes atomically. */
const SECTOR_BYTES = 512;

export interface GrubEnvOptions {
  /** Holds `mender_grubenv1` and `mender_grubenv2`. */
  readonly folder: string;
  readonly exclusive: Exclusive;
  readonly openRaw: OpenRawFile;
}

/** One copy of the environment, with the lock that records whether a write was in progress. */
interface Copy {
  readonly env: string;
  readonly lock: string;
  readonly sum: string;
}

interface Valid {
  /** The bytes of the closed lock. */
  readonly lock: Buffer;
  readonly block: EnvBlock;
}

interface Damaged {
  readonly damage: string;
}

/**
 * The environment of Mender's GRUB integration: two copies, each with a lock that says `editing=1` while the copy is
 * written. The boot script reads the first copy. If a copy's lock is open, the script restores that copy from the
 * other one. A change therefore becomes valid at one instant: when the second copy is complete and the lock of the first
 * copy is opened. Every file is written in place, and synced before the next one.
 *
 * @throws {AgentError} BOOTENV_READ, BOOTENV_DAMAGED, BOOTENV_WRITE, BOOTENV_FULL, and what `exclusive` throws
 * @see Mender board integration, "GRUB integration"
 */
export function createGrubEnv({ folder, exclusive, openRaw }: GrubEnvOptions): BootEnv {
  const copy = (number: 1 | 2): Copy => {
    const place = join(folder, `mender_grubenv${number}`);
    return { env: join(place, "env"), lock: join(place, "lock"), sum: join(place, "lock.sha256sum") };
  };
  const [one, two] = [copy(1), copy(2)];
  const bytesOf = (path: string): Promise<Buffer> => readWhole(openRaw, path);

  /** Reads a copy. @returns its content, or what is wrong with it */
  const look = async ({ env, lock, sum }: Copy): Promise<Damaged | Valid> => {
    const bytes = await bytesOf(lock);
    const hash = createHash("sha256").update(bytes).digest("hex");
    if (!(await bytesOf(sum)).toString("latin1").startsWith(`${hash} `)) return { damage: "its lock is open" };
    const block = decodeBlock(await bytesOf(env));
    return block === undefined ? { damage: "it is not an environment block" } : { lock: bytes, block };
  };

  /**
   * Selects the copy that counts: the first one unless it is damaged. `damaged` is the other copy if that is damaged.
   */
  const load = async (): Promise<Valid & { readonly source: Copy; readonly damaged: Copy | undefined }> => {
    const [first, second] = [await look(one), await look(two)];
    if ("block" in first) return { ...first, source: one, damaged: "block" in second ? undefined : two };
    if ("block" in second) return { ...second, source: two, damaged: one };
    throw new AgentError("BOOTENV_DAMAGED", { path: folder, copy1: first.damage, copy2: second.damage });
  };

  /**
   * GRUB writes to a block only if its last line is complete. This order of sectors keeps it complete, whatever sectors
   * a power cut leaves.
   */
  const writeSectors = async (path: string, block: Buffer): Promise<void> => {
    const before = await bytesOf(path);
    const offsets = [...new Array(Math.ceil(block.length / SECTOR_BYTES)).keys()].map(
      (sector) => sector * SECTOR_BYTES,
    );
    if (usedBytes(block) > usedBytes(before)) offsets.reverse();
    for (const offset of offsets) {
      const sector = block.subarray(offset, offset + SECTOR_BYTES);
      if (!sector.equals(before.subarray(offset, offset + SECTOR_BYTES))) await writeRaw(openRaw, path, offset, sector);
    }
  };

  const replace = async ({ env, lock, sum }: Copy, block: Buffer, clean: Buffer, sumOfClean: Buffer): Promise<void> => {
    await writeRaw(openRaw, lock, 0, openedLock(clean));
    await writeSectors(env, block);
    if (!(await bytesOf(sum)).equals(sumOfClean)) await writeRaw(openRaw, sum, 0, sumOfClean);
    await writeRaw(openRaw, lock, 0, clean);
  };

  return {
    read: (keys, signal) => exclusive(signal, async () => setOnes(variablesOf((await load()).block), keys)),

    async write(pairs, signal) {
      signal.throwIfAborted();
      checkPairs(pairs);
      await exclusive(signal, async () => {
        const { source, damaged, lock, block } = await load();
        const sum = await bytesOf(source.sum);
        const next = encodeBlock(withVariables(block, pairs));
        // Restore the old variables first: GRUB cannot restore an invalid block, and may read a torn one as it is.
        if (damaged !== undefined) await replace(damaged, encodeBlock(block), lock, sum);
        for (const copy of [two, one]) await replace(copy, next, lock, sum);
        for (const copy of [two, one]) {
          const stored = await look(copy);
          const key = "block" in stored ? firstDifference(pairs, variablesOf(stored.block)) : "lock";
          if (key !== undefined) throw new AgentError("BOOTENV_WRITE", { path: copy.env, key });
        }
      });
    },

    expectWritable: (signal) =>
      exclusive(signal, () =>
        expectRawWritable(
          openRaw,
          [one, two].flatMap(({ env, lock, sum }) => [env, lock, sum]),
        ),
      ),

    diagnose: (signal) => exclusive(signal, async () => [copiesFinding(await look(one), await look(two))]),
  };
}

function openedLock(clean: Buffer): Buffer {
  const block = decodeBlock(clean);
  if (block === undefined) throw new AgentError("BOOTENV_DAMAGED", { reason: "a lock is not an environment block" });
  return encodeBlock(withVariables(block, new Map([["editing", "1"]])));
}

function copiesFinding(first: Damaged | Valid, second: Damaged | Valid): Finding {
  const subject = "copies of the boot environment";
  if ("block" in first && "block" in second) {
    if (isDeepStrictEqual(variablesOf(first.block), variablesOf(second.block))) {
      return { level: "good", subject, found: "both are valid and identical" };
    }
    const advice = "The first copy applies. The next update makes both identical.";
    return { level: "note", subject, found: "both are valid, but they differ", advice };
  }
  const found = [first, second].flatMap((copy, at) => ("block" in copy ? [] : [`copy ${at + 1}: ${copy.damage}`]));
  if (found.length === 1) {
    const advice = "The next update restores it from the other copy.";
    return { level: "note", subject, found: found.join(), advice };
  }
  const advice = "Restore both folders on the boot partition as the build of the image made them.";
  return { level: "bad", subject, found: found.join("; "), advice };
}
