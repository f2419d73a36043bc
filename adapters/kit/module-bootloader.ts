import { AgentError } from "../../src/errors/agent-error.ts";
import type { AdapterContext, BootloaderAdapter } from "../../src/ports/adapter.ts";
import type { Bootloader, BootPlan, SlotId } from "../../src/ports/bootloader.ts";
import { foreignCall } from "./foreign-call.ts";
import { expectFunctions } from "./load-module.ts";

const BOOTLOADER_FUNCTIONS = ["booted", "plan", "arm", "confirm", "revert"] as const;

/**
 * A boot loader behind a module of the board's own, whose answers and failures are not taken on trust.
 *
 * @throws {AgentError} ADAPTER_INVALID, ADAPTER_FAILED
 */
export async function createModuleBootloader(adapter: BootloaderAdapter, context: AdapterContext): Promise<Bootloader> {
  const kind = adapter.name;
  const call = foreignCall(kind);
  const created = await call("create", new AbortController().signal, () => adapter.create(context));
  expectFunctions(created, BOOTLOADER_FUNCTIONS, kind);
  const { diagnose, rebootArgument } = created;
  return {
    kind,
    booted: async (signal) => expectSlot(await call("booted", signal, () => created.booted(signal)), kind, "booted"),
    plan: async (signal) => expectPlan(await call("plan", signal, () => created.plan(signal)), kind),
    arm: (slot, signal) => call("arm", signal, () => created.arm(slot, signal)),
    confirm: (signal) => call("confirm", signal, () => created.confirm(signal)),
    revert: (slot, signal) => call("revert", signal, () => created.revert(slot, signal)),
    ...(rebootArgument && {
      rebootArgument: (signal) => call("rebootArgument", signal, async () => rebootArgument.call(created, signal)),
    }),
    ...(diagnose && { diagnose: (signal) => call("diagnose", signal, () => diagnose.call(created, signal)) }),
  };
}

function expectSlot(answer: unknown, adapter: string, request: string): SlotId {
  if (answer === "A" || answer === "B") return answer;
  throw new AgentError("ADAPTER_ANSWER", { adapter, request, slot: String(answer) });
}

function expectPlan(answer: BootPlan | undefined, adapter: string): BootPlan {
  const slot = expectSlot(answer?.slot, adapter, "plan");
  if (typeof answer?.trial === "boolean") return { slot, trial: answer.trial };
  throw new AgentError("ADAPTER_ANSWER", { adapter, request: "plan", trial: String(answer?.trial) });
}
