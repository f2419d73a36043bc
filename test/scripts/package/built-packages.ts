import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Metafile } from "esbuild";
import { bundle } from "../../../scripts/lib/bundle.ts";
import { bundleHarness } from "../../../scripts/lib/harness-bundle.ts";
import { shipScripts } from "../../../scripts/lib/ship-scripts.ts";
import { buildPackages } from "../../../scripts/package/packages.ts";
import { describeRelease, type Release } from "../../../scripts/package/release.ts";

/** Any fixed time. */
export const EPOCH = 1_700_000_000;

/** Packages that a file of tests builds from the current sources. */
export class BuiltPackages {
  readonly folder: string;
  readonly #metafile: Metafile;
  readonly #harness: Metafile;

  static async make(): Promise<BuiltPackages> {
    const folder = mkdtempSync(join(tmpdir(), "switchback-packages-"));
    const metafile = await bundle(join(folder, "dist"));
    const harness = await bundleHarness(join(folder, "dist/qemu"));
    await shipScripts(join(folder, "dist"));
    return new BuiltPackages(folder, metafile, harness);
  }

  private constructor(folder: string, metafile: Metafile, harness: Metafile) {
    this.folder = folder;
    this.#metafile = metafile;
    this.#harness = harness;
  }

  async release(version: string): Promise<Release> {
    const env = { SOURCE_DATE_EPOCH: String(EPOCH) };
    return { ...(await describeRelease(join(this.folder, "dist"), this.#metafile, this.#harness, env)), version };
  }

  /** Builds all packages of a version. @returns the folder with them */
  async build(version: string): Promise<string> {
    const output = join(this.folder, version);
    await buildPackages(await this.release(version), output);
    return output;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
