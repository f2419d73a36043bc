import { rmSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../../image/run.ts";
import { Packages } from "../../../qemu/image/packages.ts";

/** The client, and the libraries that the systems of our boards do not have. */
const PACKAGES = [
  ...["mender-client", "libglib2.0-0", "libssl3", "liblzma5", "libmount1", "libblkid1", "libselinux1"],
  ...["libpcre2-8-0", "libffi8", "zlib1g"],
];
/** Our agent, and what only Node needs. */
const NOT_NEEDED = ["usr/lib/switchback", "usr/bin/switchback", "usr/bin/node", "usr/bin/nodejs", "usr/share/nodejs"];
const LIBRARIES = ["libnode.so.*", "libicu*.so.*", "libv8*"];

/** Replaces our agent in a root filesystem by the Mender client of Debian 12, the last one that Debian has. */
export async function useMenderClient(tree: string, architecture: string): Promise<void> {
  const files = await new Packages("bookworm", architecture).withDependencies(["mender-client"], (name) =>
    PACKAGES.includes(name),
  );
  const folder = await mkdtemp(join(tmpdir(), "switchback-mender-client-"));
  try {
    await mkdir(join(folder, "usr"));
    for (const { path } of files) await run(["dpkg-deb", "-x", path, folder]);
    // Not merged in Debian 12.
    await run(["sh", "-c", "if [ -d lib ]; then cp -a lib usr/ && rm -r lib; fi"], { cwd: folder });
    for (const name of ["usr/share/doc", "usr/share/man", "usr/share/locale"])
      await rm(join(folder, name), { recursive: true, force: true });
    for (const name of NOT_NEEDED) rmSync(join(tree, name), { recursive: true, force: true });
    const names = LIBRARIES.flatMap((name) => ["-o", "-name", name]).slice(1);
    await run(["find", "usr/lib", "(", ...names, ")", "-delete"], { cwd: tree });
    // What the system has already is newer.
    await run(["cp", "-a", "--no-clobber", `${folder}/.`, tree]);
  } finally {
    await rm(folder, { recursive: true });
  }
}
