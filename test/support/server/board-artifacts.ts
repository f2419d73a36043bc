import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { BENCH_DEVICE_TYPE, makeImage } from "../../../scripts/lib/client-board.ts";

/** Artifacts for a `LivingBoard`, which the real tool writes. */
export class BoardArtifacts {
  readonly #dir = mkdtempSync(join(tmpdir(), "switchback-board-artifacts-"));

  constructor() {
    mkdirSync(join(this.#dir, "stage"));
    makeImage(join(this.#dir, "image.ext4"), 8, join(this.#dir, "stage"));
  }

  /** A system that boots. */
  image(name: string): Buffer {
    return this.#write("rootfs-image", name, "--no-progress", "-f", join(this.#dir, "image.ext4"));
  }

  /** For the module `single-file`, which both clients have from Debian. */
  oneFile(name: string, folder: string): Buffer {
    const files = { dest_dir: folder, filename: "installed", permissions: "644", installed: "x".repeat(300_000) };
    const options = Object.entries(files).flatMap(([file, text]) => {
      writeFileSync(join(this.#dir, file), file === "installed" ? text : `${text}\n`);
      return ["-f", join(this.#dir, file)];
    });
    return this.#write("module-image", name, "-T", "single-file", ...options);
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #write(kind: string, name: string, ...options: readonly string[]): Buffer {
    const path = join(this.#dir, `${name}.mender`);
    const args = ["write", kind, "-t", BENCH_DEVICE_TYPE, "-n", name, "-o", path, "--compression", "none", ...options];
    const done = spawnSync("mender-artifact", args, { encoding: "utf8" });
    expect(done.status, done.stderr).toBe(0);
    return readFileSync(path);
  }
}
