import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { Freezer, Frozen } from "../../src/ports/freezer.ts";

/**
 * Freezes, says so, and thaws when its standard input ends: when it is told to, or when whoever has started it is gone,
 * however that came. The signals that end an ordinary process do not end it.
 */
const GUARD = `
trap '' HUP INT QUIT TERM PIPE
fsfreeze --freeze "$1" || exit 1
echo frozen
read -r _
exec fsfreeze --unfreeze "$1"
`;

/** Filesystems of this machine, by `fsfreeze` in a process of its own that outlives this one. */
export function createGuardedFreezer(): Freezer {
  return {
    async freeze(folder, signal) {
      signal.throwIfAborted();
      const env = { ...process.env, LC_ALL: "C" };
      const guard = startGuard(folder, env);
      const said = textOf(guard.stderr);
      const ended = endOf(guard);
      guard.stdin.on("error", () => {
        // ignored: a guard that is gone is noticed by its end.
      });
      const letGo = (): void => void guard.stdin.end();
      signal.addEventListener("abort", letGo, { once: true });
      const answer = await Promise.race([once(guard.stdout, "data"), ended]);
      signal.removeEventListener("abort", letGo);
      signal.throwIfAborted();
      if (!Array.isArray(answer)) throw new AgentError("FREEZE_FAILED", { folder, reason: said() });
      return frozenBy(guard, folder, ended, said);
    },
  };
}

function frozenBy(guard: ChildProcess, folder: string, ended: Promise<number>, said: () => string): Frozen {
  const lost = new AbortController();
  let thawing: Promise<void> | undefined;
  void ended.then(() => {
    if (thawing === undefined) lost.abort(new AgentError("FREEZE_LOST", { folder }));
  });

  async function thaw(): Promise<void> {
    guard.stdin?.end();
    if ((await ended) === 0) return;
    // That of a filesystem that is not frozen: somebody else has thawed it.
    if (said().includes("Invalid argument")) throw new AgentError("FREEZE_LOST", { folder });
    // Somebody has killed the guard: nobody else is left to do it.
    const own = spawn("fsfreeze", ["--unfreeze", folder], { stdio: ["ignore", "ignore", "pipe"] });
    const reason = textOf(own.stderr);
    if ((await endOf(own)) !== 0) throw new AgentError("THAW_FAILED", { folder, reason: reason() || said() });
  }

  return {
    lost: lost.signal,
    thaw() {
      thawing ??= thaw();
      return thawing;
    },
  };
}

/** Exit status, once all that was said has been read; -1 for a process that a signal has ended, or that could not be started. */
const endOf = (child: ChildProcess): Promise<number> =>
  new Promise((resolve) => {
    child.once("error", () => resolve(-1));
    child.once("close", (status) => resolve(status ?? -1));
  });

function textOf(stream: Readable): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    text = `${text}${chunk}`.slice(0, 1000);
  });
  return () => text.trim();
}

function startGuard(folder: string, env: NodeJS.ProcessEnv): ChildProcessWithoutNullStreams {
  try {
    return spawn("sh", ["-c", GUARD, "sh", folder], { detached: true, env, stdio: ["pipe", "pipe", "pipe"] });
  } catch (cause) {
    // Some failures of a start are thrown, and others are events.
    throw new AgentError("FREEZE_FAILED", { folder }, cause);
  }
}
