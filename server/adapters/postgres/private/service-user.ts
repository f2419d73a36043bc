import { readFile, stat } from "node:fs/promises";
import { ServerError } from "../../../errors/server-error.ts";

/** Who runs PostgreSQL. */
export interface ServiceUser {
  readonly uid: number;
  readonly gid: number;
}

const NAMES = ["postgres", "nobody"];

/**
 * PostgreSQL refuses to run as root. If this process is root, PostgreSQL runs as the owner of the data, or as
 * `postgres` if there are none yet and the machine has such a user, or else as `nobody`.
 *
 * @returns undefined if PostgreSQL can run as the user of this process
 * @throws {ServerError} DATABASE_START if there is no such user
 */
export async function serviceUser(data: string): Promise<ServiceUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(data).catch(() => undefined); // ignored: there are no data yet.
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const lines = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  for (const wanted of NAMES) {
    const [, , uid, gid] = lines.find(([name]) => name === wanted) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new ServerError("DATABASE_START", { reason: `root cannot run it, and there is no user ${NAMES.join(" or ")}` });
}
