import type { CliIo } from "../../src/agent/io.ts";
import { printable } from "../../src/errors/agent-error.ts";
import { megabytes } from "./table.ts";

export interface ProgressBar {
  add(bytes: number): void;
  /** Removes the bar. Idempotent. */
  end(): void;
}

const REDRAW_MS = 100;

/** A bar on a terminal, and nothing elsewhere. */
export function progressBar(io: CliIo, title: string, totalBytes: number, isWanted: boolean): ProgressBar {
  if (!isWanted || !io.stderrIsTerminal) return { add: () => undefined, end: () => undefined };
  let bytes = 0;
  let drawnAt = 0;
  let isOpen = true;
  const draw = (now: number): void => {
    drawnAt = now;
    const part = totalBytes > 0 ? Math.min(1, bytes / totalBytes) : 0;
    const figures = ` ${String(Math.floor(part * 100)).padStart(3)} % of ${megabytes(totalBytes)}`;
    const room = Math.max(10, (io.stderrColumns ?? 80) - figures.length - 1);
    const name = printable(title).slice(0, Math.floor(room / 2));
    const cells = Math.max(3, room - name.length - 3);
    const full = Math.round(part * cells);
    io.errRaw(`\r${name} [${"#".repeat(full)}${" ".repeat(cells - full)}]${figures}`);
  };
  return {
    add(count) {
      bytes += count;
      const now = performance.now();
      if (now - drawnAt >= REDRAW_MS) draw(now);
    },
    end() {
      if (isOpen) io.errRaw("\r\x1b[K");
      isOpen = false;
    },
  };
}
