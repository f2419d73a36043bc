import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { BENCH_DEVICE_TYPE, makeImage } from "./client-board.ts";

const MIB = 1024 * 1024;
/** An ext4 filesystem of real files is never quite full. */
const FILL = 0.8;

export interface BenchImage {
  readonly image: string;
  artifact(compression: "none" | "gzip"): string;
}

/**
 * A root filesystem image of this machine's own files, and Artifacts of it from the real tool. Both are kept between
 * runs, because making them takes longer than measuring.
 *
 * @param skipMib how much of the list of files to skip, so that two images differ
 */
export function benchImage(sizeMib: number, skipMib = 0): BenchImage {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "switchback/bench");
  mkdirSync(cache, { recursive: true });
  const image = join(cache, `rootfs-${sizeMib}-${skipMib}.ext4`);
  if (!existsSync(image)) buildImage(image, sizeMib, skipMib, cache);
  return {
    image,
    artifact(compression) {
      const path = join(cache, `rootfs-${sizeMib}-${skipMib}-${compression}.mender`);
      if (!existsSync(path)) writeArtifact(image, path, compression);
      return path;
    },
  };
}

function buildImage(image: string, sizeMib: number, skipMib: number, cache: string): void {
  const stage = mkdtempSync(join(cache, "stage-"));
  try {
    const files = join(stage, "files");
    mkdirSync(files);
    let budget = sizeMib * MIB * FILL;
    let skip = skipMib * MIB;
    let count = 0;
    for (const { path, size } of realFiles("/usr")) {
      if (skip > 0) {
        skip -= size;
        continue;
      }
      if (budget < size) break;
      budget -= size;
      copyFileSync(path, join(files, String(count++)));
    }
    makeImage(`${image}.part`, sizeMib, stage);
    renameSync(`${image}.part`, image);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/** Regular files below `folder`, in the order of their names. */
function* realFiles(folder: string): Generator<{ path: string; size: number }> {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* realFiles(path);
    else if (entry.isFile()) yield { path, size: statSync(path).size };
  }
}

function writeArtifact(image: string, path: string, compression: "none" | "gzip"): void {
  const options = ["-t", BENCH_DEVICE_TYPE, "-n", "release-1", "-f", image, "-o", `${path}.part`, "--no-progress"];
  const done = spawnSync("mender-artifact", ["write", "rootfs-image", ...options, "--compression", compression], {
    encoding: "utf8",
  });
  if (done.status !== 0) throw new Error(`mender-artifact: ${done.error?.message ?? done.stderr}`);
  renameSync(`${path}.part`, path);
}
