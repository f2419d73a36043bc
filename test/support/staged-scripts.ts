import { diskActs, diskReads } from "../../adapters/files/disk.ts";
import { createScriptStage } from "../../src/core/scripts/extract.ts";
import type { FileActs } from "../../src/ports/files.ts";
import { bufferSource } from "../../src/util/byte-source.ts";

export interface TestScript {
  readonly name: string;
  readonly content: Uint8Array;
}

/** Puts the scripts of an Artifact into their folder in the same way as the agent. */
export async function admitScripts(
  folder: string,
  scripts: readonly TestScript[],
  acts: FileActs = diskActs,
): Promise<void> {
  const stage = createScriptStage(folder, acts, diskReads);
  for (const { name, content } of scripts) {
    const source = bufferSource(content);
    await stage.store(name, (into) => source.read(into));
  }
  await stage.admit(scripts.map(({ name }) => name));
}
