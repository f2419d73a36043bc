import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** A folder that all files of a run share, for files that are made once and then only read. */
    shared: string;
  }
}

/** Parts of a built program that its copy for the tests has. */
const PROGRAM = ["switchback.mjs", "chunks"];

export function setup(project: TestProject): () => void {
  const shared = mkdtempSync(join(tmpdir(), "switchback-shared-"));
  // Some tests start programs from here as another user.
  chmodSync(shared, 0o755);
  // `npm test` has just built the program. Without it, the first test that needs the program builds it.
  const built = process.env["TESTED_SWITCHBACK"];
  if (built !== undefined)
    for (const part of PROGRAM) cpSync(join(built, part), join(shared, "program", part), { recursive: true });
  const clear = (): void => rmSync(shared, { recursive: true, force: true });
  project.provide("shared", shared);
  project.onTestsRerun(async () => clear());
  return clear;
}
