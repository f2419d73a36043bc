export interface LineSplitter {
  push(chunk: Uint8Array): void;
  /** Passes on a last line that has no newline. */
  end(): void;
}

const LF = 0x0a;

/**
 * Cuts bytes into lines, and passes each one to `onLine` without its LF or CR LF, including empty lines. It passes on a
 * line of more than `maxBytes` in pieces, so a program that never ends its line uses no extra memory.
 */
export function createLineSplitter(maxBytes: number, onLine: (line: string) => void): LineSplitter {
  let kept: Buffer[] = [];
  let keptBytes = 0;
  const giveOut = (): void => {
    const line = Buffer.concat(kept);
    kept = [];
    keptBytes = 0;
    onLine(line.toString("utf8", 0, line.at(-1) === 0x0d ? line.length - 1 : line.length));
  };
  const keep = (piece: Uint8Array): void => {
    let rest = piece;
    while (keptBytes + rest.length > maxBytes) {
      const fits = maxBytes - keptBytes;
      kept.push(Buffer.from(rest.subarray(0, fits)));
      rest = rest.subarray(fits);
      giveOut();
    }
    if (rest.length > 0) kept.push(Buffer.from(rest));
    keptBytes += rest.length;
  };
  return {
    push(chunk) {
      let from = 0;
      for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, from)) {
        keep(chunk.subarray(from, at));
        giveOut();
        from = at + 1;
      }
      keep(chunk.subarray(from));
    },
    end() {
      if (keptBytes > 0) giveOut();
    },
  };
}
