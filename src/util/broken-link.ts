import { readlink, realpath } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * Where the symbolic link leads that keeps `path` from existing: itself, or a folder above it. On a device such a link
 * leads to a partition that is not mounted.
 *
 * @returns `undefined` where no link is to blame
 */
export async function brokenLink(path: string): Promise<string | undefined> {
  for (let at = resolve(path); ; at = dirname(at)) {
    const leadsTo = await readlink(at).catch(() => undefined); // ignored: not a link, or nothing is there.
    const isThere = await realpath(at).then(
      () => true,
      () => false,
    );
    if (isThere || dirname(at) === at) return undefined;
    if (leadsTo !== undefined) return resolve(dirname(at), leadsTo);
  }
}
