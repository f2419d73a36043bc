import { DeviceFailure, otherSlot, type Slot, type TestedDevice } from "./device.ts";
import { ScenarioFailure } from "./faults.ts";

/** Starts the system. @throws {ScenarioFailure} if none comes up: a device under test must always end with one */
export async function startOf(device: TestedDevice, how: "reboot" | "powerOn"): Promise<Slot> {
  try {
    return await device[how]();
  } catch (error) {
    if (!(error instanceof DeviceFailure)) throw error;
    const choice = await device.bootChoice();
    if (choice?.trial === true) {
      const found =
        `No system came up: ${error.message} The boot environment still names slot ${choice.slot} on trial` +
        `${counted(choice.bootCount)}, so the boot loader did not return to the old system.`;
      throw new ScenarioFailure("no-boot-counting", found, device.lastWords());
    }
    // A system that asks on its console who wants to log in has started.
    const fault = /\blogin: ?\s*$/.test(device.lastWords()) ? "no-ssh" : "does-not-start";
    throw new ScenarioFailure(fault, `No system came up: ${error.message}`, device.lastWords());
  }
}

const counted = (bootCount: string | undefined): string =>
  bootCount === undefined ? "" : ` with bootcount ${bootCount}`;

/** After an install and a reboot. @throws {ScenarioFailure} if the old system runs, with the reason */
export async function expectOnTrial(device: TestedDevice, slot: Slot, old: Slot): Promise<void> {
  if (slot !== old) return;
  const choice = await device.bootChoice();
  const wanted = otherSlot(old);
  if (choice === undefined || (choice.trial && choice.slot === wanted)) {
    const found =
      `The agent chose slot ${wanted} in the boot environment, and the boot loader started slot ${old}` +
      `${choice === undefined ? "" : `, with the choice still there${counted(choice.bootCount)}`}: ` +
      "it reads another place than the agent writes.";
    throw new ScenarioFailure("environment-place", found);
  }
  const found = `The new system in slot ${wanted} did not start, and the boot loader returned to slot ${old}.`;
  throw new ScenarioFailure("new-system-does-not-start", found, device.lastWords());
}

/** After a trial that nobody committed. @throws {ScenarioFailure} if the new system still runs, with the reason */
export async function expectFallenBack(device: TestedDevice, slot: Slot, old: Slot): Promise<void> {
  if (slot === old) return;
  const choice = await device.bootChoice();
  if (choice?.trial === false) {
    const found = `Nobody committed, and slot ${slot} is no longer on trial: something on the device commits at its start.`;
    throw new ScenarioFailure("commits-by-itself", found);
  }
  const found =
    `Nobody committed, and after another start slot ${slot} still runs. The boot loader does not count the starts of a ` +
    `trial${choice?.bootCount === undefined ? "" : `: bootcount is ${choice.bootCount}`}.`;
  throw new ScenarioFailure("no-boot-counting", found);
}
