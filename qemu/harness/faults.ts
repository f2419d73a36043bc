/** The faults of images that the harness can name, and what to do about each. */
export const FAULTS = {
  "image-unusable": "Correct what 'switchback image inspect' reports.",
  "slots-differ": "Give both slots the same size, or an image of the larger one does not fit into the other.",
  "slot-too-small": "Make the slots larger, or the root filesystem smaller.",
  "data-not-mounted": "Mount the data partition in /etc/fstab, and make /var/lib/mender a link to a folder on it.",
  "agent-missing": "Copy the agent and Node into the image: see docs/install.md, or use 'switchback image convert'.",
  "agent-not-started": "Enable a unit that starts the agent: see docs/install.md, 'Start at boot'.",
  "environment-place":
    "Make the agent and the boot loader use the same place: /etc/fw_env.config and CONFIG_ENV_OFFSET of U-Boot, or the " +
    "mount point of the partition with GRUB's environment.",
  "no-boot-counting":
    "Integrate the boot counter: CONFIG_BOOTCOUNT_LIMIT and CONFIG_BOOTCOUNT_ENV with altbootcmd in U-Boot, or a GRUB " +
    "script that reads upgrade_available and bootcount. See docs/guides/board-setup.md.",
  "does-not-start": "Look at the console. The board file must describe the machine: docs/guides/ci-with-qemu.md.",
  "no-ssh": "Start an ssh server in the image, let --user log in with --ssh-key, and configure the network by DHCP.",
  "agent-refuses": "Read what the agent says. docs/reference/errors.md explains each code.",
  "new-system-does-not-start": "Look at the console of the new system. The device itself is safe: it has gone back.",
  "commits-by-itself": "Remove the service that commits at the start: without a check, a broken update is kept.",
  "artifact-unusable": "Write the Artifact for the device type of the image.",
  "power-cut": "Keep the folder with --keep, and report the cut with its seed.",
  "server-silence":
    "Look at the log of the agent. The guest must reach the server at 10.0.2.2, by plain HTTP, from its network.",
  "server-untruth": "Compare what the agent reports with the log of the agent and the console.",
  harness: "The harness itself failed. Run it again with --keep, and look at console.log in that folder.",
} as const;

export type Fault = keyof typeof FAULTS;

/** A scenario that did not hold. */
export class ScenarioFailure extends Error {
  override readonly name = "ScenarioFailure";
  readonly fault: Fault;
  /** Lines of the console or of the agent that show it. */
  readonly evidence: string;

  constructor(fault: Fault, found: string, evidence = "") {
    super(found);
    this.fault = fault;
    this.evidence = evidence;
  }
}
