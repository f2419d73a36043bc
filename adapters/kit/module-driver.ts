import { AgentError } from "../../src/errors/agent-error.ts";
import type { DeviceAdapter, DeviceContext } from "../../src/ports/adapter.ts";
import type { SlotDriver } from "../../src/ports/slot-driver.ts";
import { foreignCall } from "./foreign-call.ts";
import { expectFunctions } from "./load-module.ts";

const DRIVER_FUNCTIONS = ["size", "write", "read"] as const;

/**
 * A driver of slots behind a module of the board's own, whose answers and failures are not taken on trust.
 *
 * @throws {AgentError} ADAPTER_INVALID, ADAPTER_FAILED
 */
export async function createModuleDriver(adapter: DeviceAdapter, context: DeviceContext): Promise<SlotDriver> {
  const { name } = adapter;
  const call = foreignCall(name);
  const created = await call("create", new AbortController().signal, () => adapter.create(context));
  expectFunctions(created, DRIVER_FUNCTIONS, name);
  return {
    async size(slot, signal) {
      const bytes = await call("size", signal, () => created.size(slot, signal));
      if (Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
      throw new AgentError("ADAPTER_ANSWER", { adapter: name, request: "size", bytes: String(bytes) });
    },
    write: (slot, bytes, image, signal) => call("write", signal, () => created.write(slot, bytes, image, signal)),
    async *read(slot, bytes, signal) {
      const chunks = created.read(slot, bytes, signal)[Symbol.asyncIterator]();
      try {
        for (;;) {
          const { done, value } = await call("read", signal, () => chunks.next());
          if (done === true) return;
          yield value;
        }
      } finally {
        await chunks.return?.();
      }
    },
  };
}
