import * as zlib from "node:zlib";
import { AgentError } from "../../errors/agent-error.ts";

/** A decompressor of node:zlib that works synchronously and into the caller's buffer. */
export interface RawInflater {
  /**
   * Decompresses `input[start..end)` until `into` is full.
   *
   * @throws {AgentError} ARTIFACT_COMPRESSED_DATA
   */
  inflate(input: Uint8Array, start: number, end: number, into: Uint8Array): { consumed: number; produced: number };
  /** Whether the consumed data ends with a complete gzip member or zstd frame. */
  isComplete(): boolean;
  close(): void;
}

export type RawFormat = "gzip" | "zstd";

interface FormatFacts {
  readonly factory: string;
  /** Flush values for "more may follow" and "this is the end". */
  readonly more: number;
  readonly end: number;
  /** `SAMPLE`, compressed, with a checksum. */
  readonly packed: Buffer;
}

const SAMPLE = Buffer.from("Switchback Switchback Switchback");

const FORMATS: Readonly<Record<RawFormat, FormatFacts>> = {
  gzip: {
    factory: "createGunzip",
    more: zlib.constants.Z_NO_FLUSH,
    end: zlib.constants.Z_FINISH,
    packed: Buffer.from("H4sIAAAAAAAAAwsuzyxJzkhKTM5WCMbGBAAc1hXsIAAAAA==", "base64"),
  },
  zstd: {
    factory: "createZstdDecompress",
    more: 0,
    end: 2,
    packed: Buffer.from("KLUv/QRYjQAAWFN3aXRjaGJhY2sgAQD+ihddsH19", "base64"),
  },
};

const trusted = new Map<RawFormat, boolean>();

/**
 * A decompressor on the internals of node:zlib. The public streams allocate a new buffer for every chunk of output,
 * which increases the whole agent's memory by half, and the stream for zstd stops after the first frame of a chunk.
 * `undefined` if this runtime's internals differ or do not support the format. They are tested once, with good and with
 * damaged data, before the first use.
 */
export function openRawInflater(format: RawFormat): RawInflater | undefined {
  const open = (): RawInflater | undefined => createRawInflater(format);
  const trust = trusted.get(format) ?? isTrustworthy(open, format);
  trusted.set(format, trust);
  return trust ? open() : undefined;
}

/** Whether the inflaters from `open` decompress good data and refuse bad data. */
export function isTrustworthy(open: () => RawInflater | undefined, format: RawFormat): boolean {
  const { packed } = FORMATS[format];
  const damaged = Buffer.from(packed);
  // The checksum is the last field in zstd, and precedes the length in gzip.
  const checksum = format === "gzip" ? packed.length - 8 : packed.length - 1;
  damaged.writeUInt8(damaged.readUInt8(checksum) ^ 1, checksum);
  return (
    unpacks(open(), Buffer.concat([packed, packed]), Buffer.concat([SAMPLE, SAMPLE])) &&
    !unpacks(open(), damaged, SAMPLE) &&
    !unpacks(open(), packed.subarray(0, -1), SAMPLE)
  );
}

function unpacks(raw: RawInflater | undefined, packed: Uint8Array, plain: Buffer): boolean {
  if (raw === undefined) return false;
  try {
    const into = Buffer.alloc(plain.length + 1);
    let at = 0;
    let filled = 0;
    for (let round = 0; round < 2; round += 1) {
      const { consumed, produced } = raw.inflate(packed, at, packed.length, into.subarray(filled));
      at += consumed;
      filled += produced;
    }
    return at === packed.length && into.subarray(0, filled).equals(plain) && raw.isComplete();
  } catch {
    // ignored: this test looks for changed internals.
    return false;
  } finally {
    raw.close();
  }
}

/** The part of node:zlib's binding that its synchronous functions use. */
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
  onerror: (message: string) => void;
}

function createRawInflater(format: RawFormat): RawInflater | undefined {
  const { factory, more, end } = FORMATS[format];
  const create: unknown = Reflect.get(zlib, factory);
  if (typeof create !== "function") return undefined;
  const stream: unknown = create();
  if (!isClosable(stream)) return undefined;
  const handle: unknown = Reflect.get(stream, "_handle");
  const state: unknown = Reflect.get(stream, "_writeState");
  if (!isZlibHandle(handle) || !(state instanceof Uint32Array) || state.length !== 2) {
    stream.close();
    return undefined;
  }
  let failure: string | undefined;
  let closed = false;
  handle.onerror = (message) => {
    failure = message;
  };
  return {
    inflate(input, start, stop, into) {
      // A closed handle aborts the process instead of throwing.
      if (closed) throw new AgentError("ARTIFACT_COMPRESSED_DATA", { format, reason: "closed" });
      handle.writeSync(more, input, start, stop - start, into, 0, into.length);
      if (failure !== undefined) throw new AgentError("ARTIFACT_COMPRESSED_DATA", { format, reason: failure });
      const [room = 0, rest = 0] = state;
      return { consumed: stop - start - rest, produced: into.length - room };
    },
    isComplete() {
      if (closed) return false;
      // The end of the input is valid between members, and an error within one.
      const spare = Buffer.allocUnsafe(1);
      handle.writeSync(end, spare, 0, 0, spare, 0, spare.length);
      return failure === undefined && state[0] === spare.length;
    },
    close() {
      if (!closed) stream.close();
      closed = true;
    },
  };
}

function isClosable(value: unknown): value is { close(): void } {
  return typeof value === "object" && value !== null && typeof Reflect.get(value, "close") === "function";
}

function isZlibHandle(value: unknown): value is ZlibHandle {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "writeSync") === "function" &&
    typeof Reflect.get(value, "onerror") === "function"
  );
}
