import { constants, createGunzip, gzipSync } from "node:zlib";
import { AgentError } from "../../errors/agent-error.ts";

/** zlib, synchronous and into a buffer of the caller. */
export interface RawInflater {
  /**
   * Inflates `input[start..end)` as far as `into` has room.
   *
   * @throws {AgentError} ARTIFACT_COMPRESSED_DATA
   */
  inflate(input: Uint8Array, start: number, end: number, into: Uint8Array): { consumed: number; produced: number };
  /** Whether what has been consumed so far ends with a whole gzip member. */
  isComplete(): boolean;
  close(): void;
}

/** The part of node:zlib's internal binding that its own synchronous calls use. */
interface ZlibHandle {
  writeSync(
    flush: number,
    input: Uint8Array,
    inputOffset: number,
    inputLength: number,
    output: Uint8Array,
    outputOffset: number,
    outputLength: number,
  ): void;
  onerror: (message: string, errno: number, code: string) => void;
}

let trusted: boolean | undefined;

/**
 * An inflater on the internals of node:zlib, whose public stream allocates every chunk of output anew: half
 * again the memory of the whole agent. `undefined` where this runtime's internals are not as expected; they
 * are tried out once, with good and with damaged data, before the first use.
 */
export function openRawInflater(): RawInflater | undefined {
  trusted ??= selfTest();
  return trusted ? createRawInflater() : undefined;
}

function createRawInflater(): RawInflater | undefined {
  const gunzip = createGunzip();
  const handle: unknown = Reflect.get(gunzip, "_handle");
  const state: unknown = Reflect.get(gunzip, "_writeState");
  if (!isZlibHandle(handle) || !(state instanceof Uint32Array) || state.length !== 2) {
    gunzip.close();
    return undefined;
  }
  let failure: string | undefined;
  let closed = false;
  handle.onerror = (message) => {
    failure = message;
  };
  return {
    inflate(input, start, end, into) {
      // A closed handle aborts the process instead of throwing.
      if (closed) throw new AgentError("ARTIFACT_COMPRESSED_DATA", { format: "gzip", reason: "closed" });
      handle.writeSync(constants.Z_NO_FLUSH, input, start, end - start, into, 0, into.length);
      if (failure !== undefined) throw new AgentError("ARTIFACT_COMPRESSED_DATA", { format: "gzip", reason: failure });
      const [room = 0, rest = 0] = state;
      return { consumed: end - start - rest, produced: into.length - room };
    },
    isComplete() {
      if (closed) return false;
      // At the end of a member zlib has nothing to say to Z_FINISH; within one it is an error.
      const spare = Buffer.allocUnsafe(1);
      handle.writeSync(constants.Z_FINISH, spare, 0, 0, spare, 0, spare.length);
      return failure === undefined && state[0] === spare.length;
    },
    close() {
      if (!closed) gunzip.close();
      closed = true;
    },
  };
}

function isZlibHandle(value: unknown): value is ZlibHandle {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "writeSync") === "function" &&
    typeof Reflect.get(value, "onerror") === "function"
  );
}

function selfTest(): boolean {
  const plain = Buffer.from("switchback ".repeat(50));
  const packed = gzipSync(plain);
  const damaged = Buffer.from(packed);
  damaged.writeUInt32LE(0, packed.length - 8);
  return (
    tryOut(Buffer.concat([packed, packed]), Buffer.concat([plain, plain])) &&
    !tryOut(damaged, plain) &&
    !tryOut(packed.subarray(0, -1), plain)
  );
}

function tryOut(packed: Uint8Array, plain: Buffer): boolean {
  const raw = createRawInflater();
  try {
    const into = Buffer.alloc(plain.length + 1);
    const count = raw?.inflate(packed, 0, packed.length, into);
    if (raw === undefined || count === undefined) return false;
    const { consumed, produced } = count;
    return consumed === packed.length && into.subarray(0, produced).equals(plain) && raw.isComplete();
  } catch {
    // ignored: a runtime whose internals have changed is what this looks for.
    return false;
  } finally {
    raw?.close();
  }
}
