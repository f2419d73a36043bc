import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "../../../scripts/lib/bundle.ts";
import { bundleConsole } from "../../../scripts/lib/console-bundle.ts";
import { bundleFleet } from "../../../scripts/lib/fleet-bundle.ts";
import { bundleHarness } from "../../../scripts/lib/harness-bundle.ts";
import { bundleServer } from "../../../scripts/lib/server-bundle.ts";
import { shipScripts } from "../../../scripts/lib/ship-scripts.ts";
import { buildPackages } from "../../../scripts/package/packages.ts";
import type { Programs } from "../../../scripts/package/program-files.ts";
import { describeRelease, type Release } from "../../../scripts/package/release.ts";
import { madeOnce } from "../../support/made-once.ts";

/** Any fixed time. */
export const EPOCH = 1_700_000_000;

/** Builds what the packages contain. */
async function buildDist(dist: string): Promise<void> {
  const programs: Programs = {
    metafile: await bundle(dist),
    harness: await bundleHarness(join(dist, "qemu")),
    server: await bundleServer(join(dist, "server")),
    console: await bundleConsole(join(dist, "server")),
    fleet: await bundleFleet(join(dist, "fleet")),
  };
  await shipScripts(dist);
  writeFileSync(join(dist, METAFILES), JSON.stringify(programs));
}

const METAFILES = "metafiles.json";

/** Packages that a file of tests makes of a program from the current sources. */
export class BuiltPackages {
  readonly folder: string;
  readonly #dist: string;

  static async make(): Promise<BuiltPackages> {
    const dist = await madeOnce("dist", buildDist);
    return new BuiltPackages(mkdtempSync(join(tmpdir(), "switchback-packages-")), dist);
  }

  private constructor(folder: string, dist: string) {
    this.folder = folder;
    this.#dist = dist;
  }

  async release(version: string): Promise<Release> {
    const env = { SOURCE_DATE_EPOCH: String(EPOCH) };
    const programs: Programs = JSON.parse(readFileSync(join(this.#dist, METAFILES), "utf8"));
    return { ...(await describeRelease(this.#dist, programs, env)), version };
  }

  /** Builds all packages of a version once for all files of a run. @returns the folder with them, for reading only */
  build(version: string): Promise<string> {
    return madeOnce(`packages-${version}`, async (output) => buildPackages(await this.release(version), output));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
