import { AgentError } from "../../src/errors/agent-error.ts";
import type { AdapterContext, BootloaderAdapter } from "../../src/ports/adapter.ts";
import type { Bootloader, BootPlan, SlotId } from "../../src/ports/bootloader.ts";
import { type CallLimits, foreignCall } from "./foreign-call.ts";
import { expectFunctions } from "./load-module.ts";

const BOOTLOADER_FUNCTIONS = ["booted", "plan", "arm", "confirm", "revert"] as const;

/**
 * Drives the boot loader through the board's own module, and validates the module's answers and failures.
 *
 * @throws {AgentError} ADAPTER_INVALID, ADAPTER_TIMEOUT, ADAPTER_FAILED
 */
export async function createModuleBootloader(
  adapter: BootloaderAdapter,
  context: AdapterContext,
  limits?: CallLimits,
): Promise<Bootloader> {
  const kind = adapter.name;
  const call = foreignCall(kind, limits);
  const created = await call("create", new AbortController().signal, () => adapter.create(context));
  expectFunctions(created, BOOTLOADER_FUNCTIONS, kind);
  const { diagnose, expectWritable, rebootArgument } = created;
  return {
    kind,
    booted: async (signal) =>
      expectSlot(await call("booted", signal, (heard) => created.booted(heard)), kind, "booted"),
    plan: async (signal) => expectPlan(await call("plan", signal, (heard) => created.plan(heard)), kind),
    arm: (slot, signal) => call("arm", signal, (heard) => created.arm(slot, heard)),
    confirm: (signal) => call("confirm", signal, (heard) => created.confirm(heard)),
    revert: (slot, signal) => call("revert", signal, (heard) => created.revert(slot, heard)),
    ...(rebootArgument && {
      rebootArgument: (signal) => call("rebootArgument", signal, async (heard) => rebootArgument.call(created, heard)),
    }),
    ...(expectWritable && {
      expectWritable: (signal) => call("expectWritable", signal, async (heard) => expectWritable.call(created, heard)),
    }),
    ...(diagnose && { diagnose: (signal) => call("diagnose", signal, (heard) => diagnose.call(created, heard)) }),
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
