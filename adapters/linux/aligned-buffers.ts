/** The alignment that O_DIRECT requires of addresses, offsets and lengths; no Linux device requires more than 4 KiB. */
export const ALIGNMENT = 4096;

const WASM_PAGE_BYTES = 64 * 1024;

/** The part of WebAssembly that this module needs; absent under `--jitless`. */
interface WasmHost {
  readonly WebAssembly?: {
    readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  };
}

export interface AlignedBuffers {
  readonly buffers: readonly Buffer[];
  /** Whether the buffers begin at a multiple of `ALIGNMENT`, as O_DIRECT requires. */
  readonly aligned: boolean;
}

/**
 * Allocates `count` buffers of `sizeBytes` each. Node cannot allocate aligned memory, but WebAssembly memory begins at
 * a page: it makes O_DIRECT possible without native code. Falls back to ordinary memory if there is no WebAssembly
 * memory (`--jitless`, or a limit on address space).
 *
 * @param sizeBytes a multiple of `ALIGNMENT`
 */
export function allocateBuffers(count: number, sizeBytes: number): AlignedBuffers {
  const memory = pageAlignedMemory(count * sizeBytes);
  const whole = memory ?? new ArrayBuffer(count * sizeBytes);
  const buffers = Array.from({ length: count }, (_, i) => Buffer.from(whole, i * sizeBytes, sizeBytes));
  return { buffers, aligned: memory !== undefined };
}

function pageAlignedMemory(bytes: number): ArrayBuffer | undefined {
  const { WebAssembly: wasm } = globalThis as WasmHost;
  if (wasm === undefined) return undefined;
  const pages = Math.ceil(bytes / WASM_PAGE_BYTES);
  try {
    return new wasm.Memory({ initial: pages, maximum: pages }).buffer;
  } catch {
    // ignored: the address space is too small for it. Ordinary memory does the same work a little slower.
    return undefined;
  }
}
