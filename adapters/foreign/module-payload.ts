import { dirname } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { PayloadAdapter, PayloadAdapterContext } from "../../src/ports/adapter.ts";
import type { FileActs } from "../../src/ports/files.ts";
import type { PayloadHandler, RebootNeed } from "../../src/ports/payload-handler.ts";
import { ensureFolder } from "../../src/util/ensure-folder.ts";
import { type CallLimits, foreignCall } from "./foreign-call.ts";
import { expectFunctions } from "./load-module.ts";

const HANDLER_FUNCTIONS = ["download", "act", "needsReboot", "supportsRollback"] as const;
const NEEDS: readonly RebootNeed[] = ["No", "Yes", "Automatic"];
const OWNER_ONLY = 0o700;

/**
 * Installs one payload type through the board's own module, and validates the module's answers and failures. The
 * module's folder is empty and durable before `prepare`, and is removed after Cleanup, even a failed one.
 *
 * @throws {AgentError} ADAPTER_INVALID, ADAPTER_TIMEOUT, ADAPTER_FAILED, ADAPTER_ANSWER, and the codes of the payload
 */
export async function createModulePayload(
  type: string,
  adapter: PayloadAdapter,
  context: PayloadAdapterContext,
  acts: FileActs,
  limits?: CallLimits,
): Promise<PayloadHandler> {
  const { name } = adapter;
  const { folder } = context;
  const call = foreignCall(name, limits);
  const created = await call("create", new AbortController().signal, () => adapter.create(context));
  expectFunctions(created, HANDLER_FUNCTIONS, name);
  const { prepare, rebootArgument } = created;
  const removeFolder = async (): Promise<void> => {
    await acts.remove(folder);
    await ensureFolder(dirname(folder), OWNER_ONLY, acts);
    await acts.syncFolder(dirname(folder));
  };
  return {
    type,
    async prepare(of, signal) {
      await removeFolder();
      await ensureFolder(folder, OWNER_ONLY, acts);
      await call("prepare", signal, async (heard) => prepare?.call(created, of, heard));
    },
    download: (payload, signal) => call("download", signal, (heard) => created.download(payload, heard)),
    async act(action, signal) {
      try {
        await call(action, signal, (heard) => created.act(action, heard));
      } finally {
        // The agent repeats an interrupted Cleanup, which needs the folder.
        if (action === "Cleanup" && !signal.aborted) await removeFolder();
      }
    },
    async needsReboot(signal) {
      const answer = await call("needsReboot", signal, (heard) => created.needsReboot(heard));
      if (NEEDS.includes(answer)) return answer;
      throw new AgentError("ADAPTER_ANSWER", { adapter: name, request: "needsReboot", answer: String(answer) });
    },
    async supportsRollback(signal) {
      const answer: unknown = await call("supportsRollback", signal, (heard) => created.supportsRollback(heard));
      if (typeof answer === "boolean") return answer;
      throw new AgentError("ADAPTER_ANSWER", { adapter: name, request: "supportsRollback", answer: String(answer) });
    },
    ...(rebootArgument && {
      rebootArgument: (signal) => call("rebootArgument", signal, async (heard) => rebootArgument.call(created, heard)),
    }),
  };
}
