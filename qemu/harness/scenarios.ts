import { type AgentAnswer, otherSlot, type Slot, type TestedDevice } from "./device.ts";
import { ScenarioFailure } from "./faults.ts";
import { expectFallenBack, expectOnTrial, startOf } from "./judge.ts";

/** Where the device is between two scenarios. */
type State = "off" | "rest" | "installed" | "trial";

/** A device on its way through the scenarios. Each scenario asks for the state that it begins in. */
export class Course {
  readonly device: TestedDevice;
  #state: State = "off";
  #slot: Slot = "A";
  #name = "";

  constructor(device: TestedDevice) {
    this.device = device;
  }

  /** The slot that runs when no update is pending. */
  get slot(): Slot {
    return this.#slot;
  }

  /** The name of the software that runs then. */
  get name(): string {
    return this.#name;
  }

  /** Forgets the state after a failure. The next scenario begins with a new copy of the image. */
  async abandon(): Promise<void> {
    await this.device.cutPower();
    await this.device.reset();
    this.#state = "off";
  }

  /** No update is pending. */
  async atRest(): Promise<void> {
    if (this.#state === "off") await this.#settle(await startOf(this.device, "powerOn"));
    if (this.#state === "rest") return;
    await succeeds(this.device.rollback(), "roll back");
    if (this.#state === "trial") await this.#expectOld(await startOf(this.device, "reboot"));
    this.#state = "rest";
  }

  /** An update is installed, and the old system still runs. */
  async installed(): Promise<void> {
    if (this.#state === "installed") return;
    await this.atRest();
    await succeeds(this.device.install(0), "install the Artifact");
    this.#state = "installed";
  }

  /** The new system runs on trial. */
  async onTrial(): Promise<void> {
    if (this.#state === "trial") return;
    await this.installed();
    await expectOnTrial(this.device, await startOf(this.device, "reboot"), this.#slot);
    this.#state = "trial";
  }

  /** Reboots or switches on, and expects the old system. Then ends the update that the boot loader has left. */
  async fallBack(how: "reboot" | "powerOn"): Promise<void> {
    await expectFallenBack(this.device, await startOf(this.device, how), this.#slot);
    // Whatever it answers: Switchback reports that the boot loader has gone back, and other agents nothing to commit.
    await this.device.commit();
    await this.#expectOldName();
    this.#state = "rest";
  }

  /** Rolls the trial back by command. */
  async rolledBack(): Promise<void> {
    await succeeds(this.device.rollback(), "roll back");
    await this.#expectOld(await startOf(this.device, "reboot"));
    this.#state = "rest";
  }

  /** Commits, and expects the new system also after another reboot. */
  async committed(): Promise<void> {
    await succeeds(this.device.commit(), "commit");
    const wanted = otherSlot(this.#slot);
    const slot = await startOf(this.device, "reboot");
    if (slot !== wanted) {
      throw new ScenarioFailure(
        "environment-place",
        `After the commit and a reboot, slot ${slot} runs instead of ${wanted}.`,
      );
    }
    await this.#settle(slot);
  }

  /** After something that leaves no update pending, or one that is installed. */
  set(state: "rest" | "installed"): void {
    this.#state = state;
  }

  async settleOn(slot: Slot): Promise<void> {
    await this.#settle(slot);
  }

  async #settle(slot: Slot): Promise<void> {
    this.#slot = slot;
    this.#name = await this.device.artifactName();
    this.#state = "rest";
  }

  async #expectOld(slot: Slot): Promise<void> {
    if (slot !== this.#slot) {
      const found = `After the rollback and a reboot, slot ${slot} still runs.`;
      throw new ScenarioFailure("environment-place", found);
    }
    await this.#expectOldName();
  }

  async #expectOldName(): Promise<void> {
    const name = await this.device.artifactName();
    if (name === this.#name) return;
    throw new ScenarioFailure(
      "agent-refuses",
      `The old system runs, and the agent reports '${name}' instead of '${this.#name}'.`,
    );
  }
}

/** @throws {ScenarioFailure} with the agent's words if the command fails */
async function succeeds(answer: Promise<AgentAnswer>, what: string): Promise<void> {
  const { code, text } = await answer;
  if (code === 0) return;
  throw new ScenarioFailure("agent-refuses", `The agent did not ${what}: exit status ${code}.`, text);
}

export interface Scenario {
  readonly name: string;
  /** What must hold. */
  readonly promise: string;
  /** If these did not hold, this one is not run. */
  readonly needs: readonly string[];
  /** @returns what held, in words */
  run(course: Course): Promise<string>;
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "start",
    promise: "the image starts, ssh answers, and the agent tells the name of its software",
    needs: [],
    async run(course) {
      await course.atRest();
      return `Slot ${course.slot} runs with '${course.name}'.`;
    },
  },
  {
    name: "install",
    promise: "the agent installs the Artifact into the slot that does not run",
    needs: ["start"],
    async run(course) {
      await course.installed();
      return `The Artifact is in slot ${otherSlot(course.slot)}.`;
    },
  },
  {
    name: "reboot",
    promise: "the next start boots the new system on trial",
    needs: ["install"],
    async run(course) {
      await course.onTrial();
      return `Slot ${otherSlot(course.slot)} runs on trial.`;
    },
  },
  {
    name: "fallback",
    promise: "if the power fails during the trial, the boot loader returns to the old system by itself",
    needs: ["reboot"],
    async run(course) {
      await course.onTrial();
      await course.device.cutPower();
      await course.fallBack("powerOn");
      return `The boot loader returned to slot ${course.slot} with '${course.name}'.`;
    },
  },
  {
    name: "rollback",
    promise: "a rollback by command returns to the old system",
    needs: ["reboot"],
    async run(course) {
      await course.onTrial();
      await course.rolledBack();
      return `The agent returned to slot ${course.slot} with '${course.name}'.`;
    },
  },
  {
    name: "broken-image",
    promise: "a new system that cannot start is left again without help",
    needs: ["install"],
    async run(course) {
      await course.installed();
      await course.device.wipe(otherSlot(course.slot));
      await course.fallBack("reboot");
      return `Slot ${otherSlot(course.slot)} held zeros, and the boot loader returned to slot ${course.slot}.`;
    },
  },
  {
    name: "download-cut",
    promise: "a download that breaks in the middle is resumed, or leaves the system as it was",
    needs: ["install"],
    async run(course) {
      await course.atRest();
      const { code, text } = await course.device.install(0, { after: 0.5 });
      const name = await course.device.artifactName();
      if (name !== course.name) {
        throw new ScenarioFailure("agent-refuses", `After a broken download, the agent reports '${name}'.`, text);
      }
      course.set(code === 0 ? "installed" : "rest");
      if (code === 0) return "The agent resumed the download and installed the Artifact.";
      const choice = await course.device.bootChoice();
      if (choice?.trial === true) {
        throw new ScenarioFailure(
          "agent-refuses",
          "The install failed, but the boot loader would start the new slot.",
          text,
        );
      }
      return `The agent refused with exit status ${code}, and the next start boots the old system.`;
    },
  },
  {
    name: "commit",
    promise: "a committed update stays",
    needs: ["reboot"],
    async run(course) {
      await course.onTrial();
      await course.committed();
      return `Slot ${course.slot} runs with '${course.name}' after another reboot.`;
    },
  },
];
