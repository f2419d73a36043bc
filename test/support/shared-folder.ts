import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** A folder that all files of a run share, for files that are made once and then only read. */
    shared: string;
  }
}

export function setup(project: TestProject): () => void {
  const shared = mkdtempSync(join(tmpdir(), "switchback-shared-"));
  // Some tests start programs from here as another user.
  chmodSync(shared, 0o755);
  const clear = (): void => rmSync(shared, { recursive: true, force: true });
  project.provide("shared", shared);
  project.onTestsRerun(async () => clear());
  return clear;
}
