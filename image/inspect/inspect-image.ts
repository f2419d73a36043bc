import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import { collectFacts } from "./collect-facts.ts";
import { assessImage } from "./findings.ts";
import { packingOf } from "./kind-of-file.ts";
import type { ImageReport } from "./report.ts";
import { scanImage } from "./scan-image.ts";
import { unpackImage } from "./unpack.ts";

/**
 * Explains an image of a disk or of a file system, compressed or not. Needs no root, changes nothing, and uses memory
 * that does not grow with the image.
 *
 * @param advance receives the number of bytes of each part of a compressed image, for a progress bar
 * @throws {AgentError} IMAGE_UNREADABLE, IMAGE_KIND, IMAGE_IS_ARTIFACT, IMAGE_COMPRESSED, IMAGE_TOOL_MISSING,
 * DECOMPRESSOR_MISSING, and the errors of `readPartitionTable`
 */
export async function inspectImage(
  path: string,
  signal: AbortSignal,
  advance: (bytes: number) => void = () => undefined,
): Promise<ImageReport> {
  const packing = await packingOf(path);
  if (packing === undefined) return await inspectPlain(path, path, signal);
  const folder = await mkdtemp(join(tmpdir(), "switchback-inspect-"));
  try {
    const unpacked = join(folder, "image");
    await unpackImage(path, packing, unpacked, signal, advance);
    return { ...(await inspectPlain(unpacked, path, signal)), compression: packing };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @param shown the path for messages */
async function inspectPlain(path: string, shown: string, signal: AbortSignal): Promise<ImageReport> {
  const scanned = await scanImage(path, signal);
  if (scanned.table === undefined && scanned.partitions[0]?.fileSystem === undefined) {
    throw new AgentError("IMAGE_KIND", { path: shown });
  }
  const facts = await collectFacts(scanned, signal);
  const findings = await assessImage(facts);
  const { system: _, slots: __, unreadable: ___, ...report } = facts;
  return { ...report, path: shown, ok: findings.every(({ level }) => level !== "wrong"), findings };
}
