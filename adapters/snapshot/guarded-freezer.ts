import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { AgentError, describeError } from "../../src/errors/agent-error.ts";
import type { Freezer, Frozen } from "../../src/ports/freezer.ts";
import { startAgain } from "../../src/util/start-again.ts";

type FreezerChild = ChildProcessWithoutNullStreams;

/** How often to try to thaw a filesystem: while the agent waits for it, and after the agent is gone. */
const TRIES = { awaited: 5, orphaned: 600 };
/** A shortage of memory or processes that keeps a program from running, and passes. */
const SHORTAGE = /Cannot fork|Cannot allocate memory|Resource temporarily unavailable/;

/**
 * Freezes, prints `frozen`, and thaws when its standard input ends: on the agent's order, or when the agent is gone for
 * any reason. It ignores the signals that end an ordinary process, and the kernel kills other processes first when
 * memory runs out. A shell that cannot fork exits; it then replaces itself with fsfreeze, which needs no new process.
 *
 * The agent keeps no program record for it, because it must outlive an agent that is killed.
 */
const GUARD = `
trap '' HUP INT QUIT TERM PIPE
{ echo -1000 >/proc/self/oom_score_adj; } 2>/dev/null
fsfreeze --freeze "$1" || exit 1
trap 'exec fsfreeze --unfreeze "$1"' EXIT
echo frozen
read -r order
tries=${TRIES.orphaned}
[ "$order" != thaw ] || tries=${TRIES.awaited}
until said=$(fsfreeze --unfreeze "$1" 2>&1); do
  tries=$((tries - 1))
  case $tries/$said in 0/* | *"Invalid argument"*)
    trap - EXIT
    echo "$said" >&2
    exit 1
    ;;
  esac
  sleep "$2"
done
trap - EXIT
`;

/**
 * Freezes filesystems of this machine with `fsfreeze`, in a separate process that outlives this one.
 *
 * @param pauseS seconds between two attempts to thaw
 */
export function createGuardedFreezer(pauseS = 1): Freezer {
  return {
    freeze: (folder, signal) => startAgain(async () => await freeze(folder, pauseS, signal), signal),
  };
}

async function freeze(folder: string, pauseS: number, signal: AbortSignal): Promise<Frozen> {
  signal.throwIfAborted();
  const guard = await start(["sh", "-c", GUARD, "sh", folder, String(pauseS)], folder);
  const said = textOf(guard.stderr);
  const ended = endOf(guard);
  guard.stdin.on("error", () => {
    // ignored: `ended` reports a guard that has exited.
  });
  const letGo = (): void => void guard.stdin.end("thaw\n");
  signal.addEventListener("abort", letGo, { once: true });
  const answer = await Promise.race([once(guard.stdout, "data"), ended]);
  signal.removeEventListener("abort", letGo);
  signal.throwIfAborted();
  if (Array.isArray(answer)) return frozenBy({ guard, folder, pauseS, ended, said });
  const cause = SHORTAGE.test(said()) ? Object.assign(new Error(said()), { code: "EAGAIN" }) : undefined;
  throw new AgentError("FREEZE_FAILED", { folder, reason: said() }, cause);
}

interface Freezing {
  readonly guard: FreezerChild;
  readonly folder: string;
  readonly pauseS: number;
  readonly ended: Promise<number>;
  readonly said: () => string;
}

function frozenBy({ guard, folder, pauseS, ended, said }: Freezing): Frozen {
  const lost = new AbortController();
  let thawing: Promise<void> | undefined;
  void ended.then(() => {
    if (thawing === undefined) lost.abort(new AgentError("FREEZE_LOST", { folder }));
  });

  async function thaw(): Promise<void> {
    guard.stdin.end("thaw\n");
    if ((await ended) === 0) return;
    // fsfreeze reports this for a filesystem that is not frozen: another program has thawed it.
    if (said().includes("Invalid argument")) throw new AgentError("FREEZE_LOST", { folder });
    // The guard was killed or has given up, so this process must thaw.
    let reason = "";
    for (let left = TRIES.awaited; left > 0; left -= 1) {
      try {
        const own = await startAgain(() => start(["fsfreeze", "--unfreeze", folder], folder));
        const words = textOf(own.stderr);
        if ((await endOf(own)) === 0) return;
        reason = words();
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        reason = describeError(error);
      }
      if (reason.includes("Invalid argument")) break;
      if (left > 1) await setTimeout(pauseS * 1000);
    }
    throw new AgentError("THAW_FAILED", { folder, reason: reason || said() });
  }

  return {
    lost: lost.signal,
    thaw() {
      thawing ??= thaw();
      return thawing;
    },
  };
}

/** Exit status, after all output was read; -1 if a signal ended the process. */
const endOf = (child: ChildProcess): Promise<number> =>
  new Promise((resolve) => {
    child.once("close", (status) => resolve(status ?? -1));
  });

function textOf(stream: Readable): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    text = `${text}${chunk}`.slice(0, 1000);
  });
  return () => text.trim();
}

function start([program, ...args]: readonly [string, ...string[]], folder: string): Promise<FreezerChild> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => reject(new AgentError("FREEZE_FAILED", { folder }, cause));
    try {
      const env = { ...process.env, LC_ALL: "C" };
      const child = spawn(program, args, { detached: true, env, stdio: ["pipe", "pipe", "pipe"] });
      child.once("error", fail);
      child.once("spawn", () => resolve(child));
    } catch (cause) {
      // `spawn` reports some failures by throwing and others by an event.
      fail(cause);
    }
  });
}
