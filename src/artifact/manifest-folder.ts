import { createHash } from "node:crypto";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Files for a program that signs. They are gone when the program has ended. */
export interface ManifestFolder {
  /** Private folder, in which the program may put files of its own. */
  readonly folder: string;
  /** The manifest: what the signature is for. */
  readonly manifestPath: string;
  readonly sha256: Buffer;
  /** A descriptor from which the program reads the bytes of the SHA-256. */
  readonly digestFd: number;
}

/**
 * Lends a folder with the manifest to `use`. A program can open a file by its name more than once, which it could not do
 * with a pipe.
 */
export async function withManifest<T>(manifest: Uint8Array, use: (files: ManifestFolder) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "switchback-sign-"));
  try {
    const manifestPath = join(folder, "manifest");
    const digestPath = join(folder, "digest");
    const sha256 = createHash("sha256").update(manifest).digest();
    await writeFile(manifestPath, manifest, { mode: 0o600 });
    await writeFile(digestPath, sha256, { mode: 0o600 });
    const digest = await open(digestPath, "r");
    try {
      return await use({ folder, manifestPath, sha256, digestFd: digest.fd });
    } finally {
      await digest.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
