import { AgentError } from "../../src/errors/agent-error.ts";
import type { DeviceAdapter, DeviceContext } from "../../src/ports/adapter.ts";
import type { SlotDriver } from "../../src/ports/slot-driver.ts";
import { type CallLimits, foreignCall } from "./foreign-call.ts";
import { expectFunctions } from "./load-module.ts";

/** A write lasts as long as the download of the image, which takes hours on a slow link. */
const ONE_DAY_MS = 24 * 60 * 60 * 1000;
const DRIVER_FUNCTIONS = ["size", "write", "read"] as const;

/**
 * Drives the slots through the board's own module, and validates the module's answers and failures.
 *
 * @throws {AgentError} ADAPTER_INVALID, ADAPTER_TIMEOUT, ADAPTER_FAILED
 */
export async function createModuleDriver(
  adapter: DeviceAdapter,
  context: DeviceContext,
  limits?: CallLimits,
): Promise<SlotDriver> {
  const { name } = adapter;
  const call = foreignCall(name, limits);
  const created = await call("create", new AbortController().signal, () => adapter.create(context));
  expectFunctions(created, DRIVER_FUNCTIONS, name);
  return {
    async size(slot, signal) {
      const bytes = await call("size", signal, (heard) => created.size(slot, heard));
      if (Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
      throw new AgentError("ADAPTER_ANSWER", { adapter: name, request: "size", bytes: String(bytes) });
    },
    write: (slot, bytes, image, signal) =>
      call("write", signal, (heard) => created.write(slot, bytes, image, heard), limits?.timeoutMs ?? ONE_DAY_MS),
    async *read(slot, bytes, signal) {
      const chunks = created.read(slot, bytes, signal)[Symbol.asyncIterator]();
      let isAsked = false;
      try {
        for (;;) {
          isAsked = true;
          const { done, value } = await call("read", signal, () => chunks.next());
          isAsked = false;
          if (done === true) return;
          yield value;
        }
      } finally {
        // A module that has not answered the read would not answer this call either.
        if (!isAsked) await call("read", new AbortController().signal, async () => chunks.return?.());
      }
    },
  };
}
