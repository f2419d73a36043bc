import { createHash } from "node:crypto";
import { join } from "node:path";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { BootEnv } from "../../../src/ports/boot-env.ts";
import { checkPairs, firstDifference, setOnes } from "../boot-variables.ts";
import type { Exclusive } from "../exclusive.ts";
import { type OpenRawFile, readWhole, writeRaw } from "../raw-file.ts";
import { decodeBlock, type EnvBlock, encodeBlock, variablesOf, withVariables } from "./env-block.ts";

export interface GrubEnvOptions {
  /** Holds `mender_grubenv1` and `mender_grubenv2`. */
  readonly folder: string;
  readonly exclusive: Exclusive;
  readonly openRaw: OpenRawFile;
}

/** One copy of the environment, with the lock that says whether somebody was just writing to it. */
interface Copy {
  readonly number: 1 | 2;
  readonly env: string;
  readonly lock: string;
  readonly sum: string;
}

/**
 * The environment of Mender's GRUB integration: two copies, each with a lock that says `editing=1` while the copy is
 * written. The boot script reads the first copy, and restores one whose lock is not clean from the other. So a
 * change becomes valid at one instant: when the lock of the first copy is closed behind a finished second one.
 * Every file is written in place, and synced before the next one.
 *
 * @throws {AgentError} BOOTENV_READ, BOOTENV_DAMAGED, BOOTENV_WRITE, BOOTENV_FULL, and what `exclusive` throws
 * @see Mender board integration, "GRUB integration"
 */
export function createGrubEnv({ folder, exclusive, openRaw }: GrubEnvOptions): BootEnv {
  const copy = (number: 1 | 2): Copy => {
    const place = join(folder, `mender_grubenv${number}`);
    return { number, env: join(place, "env"), lock: join(place, "lock"), sum: join(place, "lock.sha256sum") };
  };
  const [one, two] = [copy(1), copy(2)];
  const bytesOf = (path: string): Promise<Buffer> => readWhole(openRaw, path);

  /** The bytes of the copy's lock where nobody was writing to the copy. */
  const cleanLock = async ({ lock, sum }: Copy): Promise<Buffer | undefined> => {
    const bytes = await bytesOf(lock);
    const hash = createHash("sha256").update(bytes).digest("hex");
    return (await bytesOf(sum)).toString("latin1").startsWith(`${hash} `) ? bytes : undefined;
  };

  /** What the boot script would go by. */
  const load = async (): Promise<{ readonly source: Copy; readonly lock: Buffer; readonly block: EnvBlock }> => {
    for (const source of [one, two]) {
      const lock = await cleanLock(source);
      if (lock === undefined) continue;
      const block = decodeBlock(await bytesOf(source.env));
      if (block === undefined) throw new AgentError("BOOTENV_DAMAGED", { path: source.env });
      return { source, lock, block };
    }
    throw new AgentError("BOOTENV_DAMAGED", { path: folder, reason: "the locks of both copies are open" });
  };

  const replace = async ({ env, lock, sum }: Copy, block: Buffer, clean: Buffer, sumOfClean: Buffer): Promise<void> => {
    const cleanBlock = decodeBlock(clean);
    if (cleanBlock === undefined) throw new AgentError("BOOTENV_DAMAGED", { path: lock });
    await writeRaw(openRaw, lock, 0, encodeBlock(withVariables(cleanBlock, new Map([["editing", "1"]]))));
    await writeRaw(openRaw, env, 0, block);
    if (!(await bytesOf(sum)).equals(sumOfClean)) await writeRaw(openRaw, sum, 0, sumOfClean);
    await writeRaw(openRaw, lock, 0, clean);
  };

  return {
    read: (keys, signal) => exclusive(signal, async () => setOnes(variablesOf((await load()).block), keys)),

    async write(pairs, signal) {
      signal.throwIfAborted();
      checkPairs(pairs);
      await exclusive(signal, async () => {
        const { source, lock, block } = await load();
        const sum = await bytesOf(source.sum);
        const next = encodeBlock(withVariables(block, pairs));
        // Never both locks open at once; an open one first, which also restores what a power cut has left there.
        const order = source === one ? [two, one] : [one, two];
        for (const target of order) await replace(target, next, lock, sum);
        for (const written of order) {
          const stored = (await cleanLock(written)) && decodeBlock(await bytesOf(written.env));
          const key = stored === undefined ? "lock" : firstDifference(pairs, variablesOf(stored));
          if (key !== undefined) throw new AgentError("BOOTENV_WRITE", { path: written.env, key });
        }
      });
    },

    async diagnose(signal) {
      const subject = "copies of the boot environment";
      const bad = await exclusive(signal, async () => {
        const open: number[] = [];
        for (const each of [one, two]) if ((await cleanLock(each)) === undefined) open.push(each.number);
        return open;
      });
      if (bad.length === 0) return [{ level: "good", subject, found: "both are valid" }];
      const advice = "A single open lock mends itself at the next write or start; otherwise reinstall the environment.";
      const level = bad.length === 2 ? "bad" : "note";
      return [{ level, subject, found: `not valid: ${bad.join(" and ")} of 2`, advice }];
    },
  };
}
