import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a program that can be called. It is renamed into place when it is complete, because it may run meanwhile. */
export async function writeProgram(path: string, contents: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.new`;
  await writeFile(temporary, contents);
  await chmod(temporary, 0o755);
  await rename(temporary, path);
}
