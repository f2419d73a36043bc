import type { CliIo } from "../agent/io.ts";
import { printable } from "../errors/agent-error.ts";

/** Receives the progress of a long piece of work. */
export interface Progress {
  /** Adds to the number of bytes that are done. */
  advance(bytes: number): void;
  /** Ends the display, after success or failure. Idempotent. */
  done(): void;
}

/** Shows nothing. */
export const NO_PROGRESS: Progress = { advance: () => undefined, done: () => undefined };

/** Shorter work shows no bar at all. */
const QUIET_MS = 1000;
const REDRAW_MS = 100;
const BAR_CHARACTERS = 24;
const WIDE = 80;
const CLEAR_LINE = "\r\x1b[K";

/**
 * Draws a bar with percent, rate and time left on stderr: only on a terminal, and only once the work has taken more
 * than a second.
 *
 * @param totalBytes undefined if unknown: then bytes and rate are shown, without a bar
 * @param monotonicMs clock, for tests
 */
export function createProgress(
  io: CliIo,
  label: string,
  totalBytes: number | undefined,
  monotonicMs: () => number = () => performance.now(),
): Progress {
  if (!io.stderrIsTerminal) return NO_PROGRESS;
  const startMs = monotonicMs();
  let drawnMs: number | undefined;
  let bytes = 0;
  let ended = false;
  const draw = (nowMs: number): void => {
    drawnMs = nowMs;
    const state = describe(bytes, totalBytes, (nowMs - startMs) / 1000);
    io.errRaw(`${CLEAR_LINE}${lineOf(printable(label), state, io.stderrColumns ?? WIDE)}`);
  };
  return {
    advance(more) {
      bytes += more;
      const nowMs = monotonicMs();
      if (!ended && nowMs - startMs > QUIET_MS && nowMs - (drawnMs ?? 0) >= REDRAW_MS) draw(nowMs);
    },
    done() {
      if (!ended && drawnMs !== undefined) {
        draw(monotonicMs());
        io.errRaw("\n");
      }
      ended = true;
    },
  };
}

/** A line that the terminal wraps cannot be redrawn, so a long label is cut first, and then the end of the line. */
function lineOf(label: string, state: string, columns: number): string {
  const room = Math.max(0, columns - 1 - state.length - 1);
  const shown = label.length <= room ? label : room === 0 ? "" : `${label.slice(0, room - 1)}…`;
  return `${shown === "" ? "" : `${shown} `}${state}`.slice(0, columns - 1);
}

function describe(bytes: number, totalBytes: number | undefined, seconds: number): string {
  const rate = bytes / seconds;
  const speed = `${mebibytes(rate)}/s`;
  if (totalBytes === undefined) return `${mebibytes(bytes)} ${speed}`;
  const part = totalBytes === 0 ? 1 : Math.min(1, bytes / totalBytes);
  const filled = Math.floor(part * BAR_CHARACTERS);
  const bar = "#".repeat(filled) + "-".repeat(BAR_CHARACTERS - filled);
  const percent = String(Math.floor(part * 100)).padStart(3);
  const left = part === 1 || rate === 0 ? "" : ` ETA ${minutes((totalBytes - bytes) / rate)}`;
  return `[${bar}] ${percent}% ${speed}${left}`;
}

const mebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;

function minutes(seconds: number): string {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
