import { type ChildProcess, spawn } from "node:child_process";
import { totalmem } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { ServerError } from "../../../errors/server-error.ts";
import type { Binaries } from "./binaries.ts";
import { readPostmaster } from "./postmaster.ts";
import type { ServiceUser } from "./service-user.ts";

/** How one PostgreSQL is run. */
export interface Place {
  readonly binaries: Binaries;
  readonly user: ServiceUser | undefined;
  readonly data: string;
  readonly socketFolder: string;
  /** More settings, `name=value`. */
  readonly settings: readonly string[];
  /** Hears each line that PostgreSQL prints. */
  readonly onLine: (line: string) => void;
}

export interface Child {
  readonly pid: number;
  /** Resolves when it has ended, in whichever way. */
  readonly ended: Promise<void>;
  signal(name: "SIGINT" | "SIGQUIT"): void;
}

const POLL_MS = 15;
const LINES_KEPT = 20;

/**
 * Statements, and details such as the value that is there twice, stay out of the log: they would bring email addresses
 * into it.
 */
const SETTINGS = [
  ...["listen_addresses=", "unix_socket_permissions=0700", "fsync=on", "full_page_writes=on"],
  ...["log_error_verbosity=terse", "log_min_error_statement=panic", "log_line_prefix="],
];

const MIB = 1024 * 1024;
/** Of the memory of the machine or the container, PostgreSQL keeps an eighth for what it reads often: 128 MiB to 1 GiB. */
const buffersMib = (): number => {
  const limit = process.constrainedMemory();
  const memory = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return Math.round(Math.min(1024, Math.max(128, memory / MIB / 8)));
};

/** The environment of PostgreSQL's programs: nothing of ours, and messages in English. */
const ENVIRONMENT = { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" };

/** Options to run a program of PostgreSQL as its user. */
export const asUser = (user: ServiceUser | undefined, cwd: string) => ({ ...user, cwd, env: ENVIRONMENT });

/**
 * Starts PostgreSQL and waits until it takes connections.
 *
 * @throws {ServerError} DATABASE_START with the last lines that it printed
 */
export async function startChild(place: Place): Promise<Child> {
  const { binaries, user, data, socketFolder, settings, onLine } = place;
  const all = [...SETTINGS, `unix_socket_directories=${socketFolder}`, `shared_buffers=${buffersMib()}MB`, ...settings];
  const child = spawn(join(binaries.folder, "postgres"), ["-D", data, ...all.flatMap((one) => ["-c", one])], {
    ...asUser(user, data),
    // A group of its own: Ctrl-C on the terminal reaches only this process, which answers its requests first.
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const lines: string[] = [];
  let isEnded = false;
  const ended = endOf(child).then(() => {
    isEnded = true;
  });
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    if (lines.length > LINES_KEPT) lines.shift();
    onLine(line);
  });
  for (;;) {
    if (isEnded)
      throw new ServerError("DATABASE_START", { reason: lines.at(-1) ?? "it ended", log: lines.join(" | ") });
    const postmaster = await readPostmaster(data);
    if (postmaster !== undefined && postmaster.pid === child.pid && postmaster.isReady) break;
    await sleep(POLL_MS);
  }
  return { pid: child.pid ?? 0, ended, signal: (name) => void child.kill(name) };
}

const endOf = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });
