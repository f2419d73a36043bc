import { createCipheriv, createHash } from "node:crypto";
import { open, readFile, rm } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeAll, expect, test } from "vitest";
import { Random } from "../../../qemu/harness/random.ts";
import { rootfsRequest } from "../../artifact/artifact-requests.ts";
import { ManagedBoard } from "../../cli/managed/managed-board.ts";
import { deployment } from "../../support/answers.ts";
import { BuiltProgram } from "../../support/built-program.ts";
import { FileServer } from "../../support/file-server.ts";
import { MEMORY_FOLDER } from "../../support/test-board.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const IMAGE_MIB = 256;
const BYTES_PER_SECOND = 8 * MIB;
const KILLS = 3;
const SEED = Number(process.env["SWITCHBACK_CRASH_SEED"] ?? 20_260_140);

let program: BuiltProgram;
let device: ManagedBoard;
let files: FileServer;
beforeAll(async () => {
  program = await BuiltProgram.build();
});
afterEach(async () => {
  await Promise.all([device.remove(), files.close()]);
});

for (const [index, compression] of (["none", "gzip", "zstd"] as const).entries()) {
  test(`a download of ${IMAGE_MIB} MiB (${compression}) that is killed ${KILLS} times costs at most 1.05 of its size`, async () => {
    device = await ManagedBoard.make(program, { slotKib: IMAGE_MIB * KIB, parent: MEMORY_FOLDER });
    const { board, server } = device;
    const image = board.file("system.img");
    const sha256 = await writeNoise(image);
    const artifact = await readFile(await board.write({ ...rootfsRequest(image), name: "v2", compression }));
    await rm(image);
    files = await FileServer.start(artifact, { bytesPerSecond: BYTES_PER_SECOND });
    server.answer("next", deployment("d-1", "v2", files.url));

    const random = new Random(SEED + index);
    for (let kill = 0; kill < KILLS; kill++) {
      const { child, ended } = device.start("poll", "--now");
      // Each kill falls into its own third of the download, anywhere between two checkpoints.
      const atBytes = ((kill + (1 + random.below(900)) / 1000) / KILLS) * artifact.length;
      while (files.servedBytes < atBytes) await setTimeout(1);
      child.kill("SIGKILL");
      expect((await ended).signal).toBe("SIGKILL");
    }
    expect((await device.run("poll", "--now")).exitCode).toBe(4);

    const cost = files.servedBytes / artifact.length;
    process.stdout.write(
      `${compression}: ${files.servedBytes} bytes served of an Artifact of ${artifact.length}, ${KILLS} kills: ${cost.toFixed(4)}\n`,
    );
    expect(artifact.length / MIB).toBeGreaterThan(IMAGE_MIB);
    expect(cost).toBeGreaterThanOrEqual(1);
    expect(cost).toBeLessThanOrEqual(1.05);
    const slot = await readFile(board.path("slots/rootfs3"));
    expect(createHash("sha256").update(slot).digest("hex")).toBe(sha256);
    expect(files.served.filter(({ status }) => status === 200).length, "from the beginning once").toBe(1);
    expect(device.statuses.slice(-2)).toEqual(["installing", "rebooting"]);
  });
}

/** Writes data that no compression makes smaller. @returns its SHA-256 */
async function writeNoise(path: string): Promise<string> {
  const noise = createCipheriv("aes-128-ctr", Buffer.alloc(16, 7), Buffer.alloc(16));
  const hash = createHash("sha256");
  const file = await open(path, "w");
  for (let mib = 0; mib < IMAGE_MIB; mib++) {
    const block = noise.update(Buffer.alloc(MIB));
    hash.update(block);
    await file.write(block);
  }
  await file.close();
  return hash.digest("hex");
}
