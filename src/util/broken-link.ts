import { readlink, realpath } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * Target of the dangling symbolic link that keeps `path` from existing: `path` itself, or a folder above it. On a
 * device, such a link usually leads to a partition that is not mounted.
 *
 * @returns `undefined` if no dangling link is the cause
 */
export async function brokenLink(path: string): Promise<string | undefined> {
  for (let at = resolve(path); ; at = dirname(at)) {
    const leadsTo = await readlink(at).catch(() => undefined); // ignored: not a link, or it does not exist.
    const isThere = await realpath(at).then(
      () => true,
      () => false,
    );
    if (isThere || dirname(at) === at) return undefined;
    if (leadsTo !== undefined) return resolve(dirname(at), leadsTo);
  }
}
