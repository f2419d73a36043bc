import { AgentError } from "../../../src/errors/agent-error.ts";
import type { BootEnv } from "../../../src/ports/boot-env.ts";
import type { Logger } from "../../../src/util/logger.ts";
import { expectRawWritable, type OpenRawFile, readRaw, writeRaw } from "../../linux/raw-file.ts";
import { checkPairs, firstDifference, setOnes } from "../boot-variables.ts";
import type { Exclusive } from "../exclusive.ts";
import { decodeRecord, type EnvRecord, encodeRecord, newestCopy, variablesOf, withPairs } from "./env-record.ts";
import type { EnvCopy, EnvLayout } from "./fw-env-config.ts";
import { SECOND_COPY, TORN } from "./single-copy.ts";

export interface NativeEnvOptions {
  readonly layout: EnvLayout;
  readonly exclusive: Exclusive;
  readonly log: Logger;
  readonly openRaw: OpenRawFile;
}

const ANEW =
  "Make fw_env.config name the place and size that U-Boot uses. If it does, let U-Boot write it again (`saveenv`).";

interface Loaded {
  readonly current: 0 | 1;
  readonly record: EnvRecord;
}

/**
 * U-Boot's environment in a file or on a block device, read and written in this process, like libubootenv. A write
 * touches only the copy that is not in use, and the flags byte beside the checksum makes it the newer one. A power cut
 * at any byte therefore leaves the old variables or the new ones. An environment with a single copy has no such
 * protection, and a write logs a warning.
 *
 * @throws {AgentError} BOOTENV_READ, BOOTENV_DAMAGED, BOOTENV_WRITE, BOOTENV_FULL, and what `exclusive` throws
 */
export function createNativeEnv({ layout, exclusive, log, openRaw }: NativeEnvOptions): BootEnv {
  const { copies, sizeBytes } = layout;
  const isRedundant = copies.length === 2;
  let warned = false;

  const records = async (): Promise<readonly (EnvRecord | undefined)[]> => {
    const read = ({ device, offset }: EnvCopy): Promise<Buffer> => readRaw(openRaw, device, offset, sizeBytes);
    const all: (EnvRecord | undefined)[] = [];
    for (const copy of copies) all.push(decodeRecord(await read(copy), isRedundant));
    return all;
  };

  const load = async (): Promise<Loaded> => {
    const all = await records();
    const current = newestCopy(all[0], all[1]);
    const record = current === undefined ? undefined : all[current];
    if (current === undefined || record === undefined) {
      const [{ device, offset }] = copies;
      throw new AgentError("BOOTENV_DAMAGED", { device, offset, sizeBytes, copies: copies.length });
    }
    return { current, record };
  };

  return {
    read: (keys, signal) => exclusive(signal, async () => setOnes(variablesOf((await load()).record), keys)),

    async write(pairs, signal) {
      signal.throwIfAborted();
      checkPairs(pairs);
      if (!isRedundant && !warned) {
        warned = true;
        log(
          "warning",
          `The boot environment has only one copy, in ${copies[0].device}: a power cut during a write can destroy it.`,
        );
      }
      await exclusive(signal, async () => {
        const { current, record } = await load();
        const target = copies[current === 0 ? 1 : 0] ?? copies[0];
        const next = {
          ...(record.flags !== undefined && { flags: (record.flags + 1) & 0xff }),
          entries: withPairs(record.entries, pairs),
        };
        await writeRaw(openRaw, target.device, target.offset, encodeRecord(next, sizeBytes));
        const key = firstDifference(pairs, variablesOf((await load()).record));
        if (key !== undefined) throw new AgentError("BOOTENV_WRITE", { device: target.device, key });
      });
    },

    expectWritable: (signal) =>
      exclusive(signal, () =>
        expectRawWritable(
          openRaw,
          copies.map(({ device }) => device),
        ),
      ),

    async diagnose(signal) {
      const found = await exclusive(signal, records);
      const subject = "copies of the boot environment";
      if (!isRedundant) {
        if (found[0] === undefined)
          return [{ level: "bad", subject, found: "the only copy is not valid", advice: ANEW }];
        return [{ level: "note", subject, found: `one: ${TORN}`, advice: SECOND_COPY }];
      }
      const bad = found.flatMap((record, index) => (record === undefined ? [index + 1] : []));
      if (bad.length === 0) return [{ level: "good", subject, found: "both are valid" }];
      if (bad.length === 2) return [{ level: "bad", subject, found: "not valid: 1 and 2 of 2", advice: ANEW }];
      const advice = "The next write repairs a single torn copy. If it does not, check fw_env.config.";
      return [{ level: "note", subject, found: `not valid: ${bad[0]} of 2`, advice }];
    },
  };
}
