import { createHash } from "node:crypto";
import { chmod, chown, lstat, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ServerError } from "../../../errors/server-error.ts";
import type { ServiceUser } from "./service-user.ts";

/** The name of PostgreSQL's socket in its folder. The port is only a part of this name. */
const SOCKET = "/.s.PGSQL.5432";
/** What the kernel takes as the path of a socket, without the zero at its end. */
const LONGEST = 107;

/**
 * The folder for the socket: `folder` itself, or a folder with a short path if the path of the socket would be too
 * long. Only the service user and root may enter it.
 *
 * @throws {ServerError} DATABASE_START if another user has taken the short path
 */
export async function socketFolder(folder: string, user: ServiceUser | undefined): Promise<string> {
  if (Buffer.byteLength(folder + SOCKET) <= LONGEST) return folder;
  const name = `switchback-${createHash("sha256").update(folder).digest("hex").slice(0, 16)}`;
  const short = join(process.getuid?.() === 0 ? "/run" : (process.env["XDG_RUNTIME_DIR"] ?? "/tmp"), name);
  await mkdir(short, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  const own = process.getuid?.() ?? 0;
  const found = await lstat(short);
  // A folder that somebody else has prepared in /tmp would give them the database.
  if (!found.isDirectory() || ![own, user?.uid].includes(found.uid))
    throw new ServerError("DATABASE_START", {
      reason: "the folder of its socket belongs to another user",
      path: short,
    });
  if (user !== undefined) await chown(short, user.uid, user.gid);
  await chmod(short, 0o700);
  return short;
}
