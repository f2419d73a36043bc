import type { ErrorCode } from "../../src/errors/catalogue.ts";

/** What a user sees before they know a cause. */
export interface Symptom {
  readonly title: string;
  /** What to look at, beyond the codes. */
  readonly look: string;
  readonly codes: readonly ErrorCode[];
}

export const SYMPTOMS: readonly Symptom[] = [
  {
    title: "The device refuses the Artifact",
    look:
      "The message says `System not modified`. Compare what the Artifact asks for with what the device has: " +
      "`switchback artifact read FILE` on the PC, and `switchback show-provides` on the device.",
    codes: [
      "ARTIFACT_NOT_SIGNED",
      "ARTIFACT_SIGNATURE",
      "KEY_UNREADABLE",
      "KEY_NOT_PUBLIC",
      "DEVICE_TYPE_MISMATCH",
      "DEVICE_TYPE_FILE",
      "DEPENDS_MISMATCH",
      "PAYLOAD_UNSUPPORTED",
      "PAYLOAD_COUNT",
      "PROVIDES_LIMIT",
      "SLOT_TOO_SMALL",
      "IMAGE_TOO_SMALL",
      "ARTIFACT_TAR_HEADER",
      "ARTIFACT_CHECKSUM",
      "ARTIFACT_TRUNCATED",
      "DECOMPRESSOR_MISSING",
    ],
  },
  {
    title: "The download does not begin, or breaks off",
    look: "Try the address from the device, for example with `curl -I ADDRESS`. The agent retries by itself.",
    codes: [
      "SOURCE_OPEN",
      "SOURCE_STATUS",
      "DOWNLOAD_BROKEN",
      "DOWNLOAD_CHANGED",
      "DOWNLOAD_RANGE",
      "TRANSPORT_PROXY",
      "TRANSPORT_ADDRESS",
      "TRANSPORT_FAILED",
      "TLS_NO_TRUST",
    ],
  },
  {
    title: "The agent says that an update is in progress",
    look:
      "An update waits for your decision, or an interrupted one was not resumed. `switchback doctor` names it in the " +
      "line `pending update`. Check that `switchback-resume.service` runs at each boot.",
    codes: [
      "UPDATE_IN_PROGRESS",
      "BOOT_TRIAL_PENDING",
      "WRONG_OPERATION",
      "SNAPSHOT_INVALID",
      "CANCELLED",
      "AGENT_BUSY",
      "LOCK_TIMEOUT",
    ],
  },
  {
    title: "The old system runs after the reboot",
    look:
      "The new system did not start, or nothing committed it before the next start. Look at its start on the serial " +
      "console: install the update again, and watch the first start. If the new system never starts, the boot loader " +
      "may read another environment than the agent writes.",
    codes: ["BOOT_REVERTED", "BOOT_MISMATCH", "BOOTENV_CANARY", "REBOOT_FAILED", "SCRIPT_FAILED"],
  },
  {
    title: "The new system stays although it is broken",
    look:
      "The boot loader must return to the old slot by itself. Check `upgrade_available` and `bootcount` " +
      "(`fw_printenv`) on the new system before the commit: both must be 1 on U-Boot. If `bootcount` is missing, the " +
      "boot loader does not count ([Boot loaders](../reference/boot-loaders.md)). If the system starts and the application " +
      "fails, nothing checks it: write a [health check](state-scripts.md). If a watchdog resets the board, it " +
      "must start before the application.",
    codes: [],
  },
  {
    title: "The agent cannot use the boot loader or the slots",
    look: "`switchback doctor` checks the boot loader and the slots one by one, and says what to do.",
    codes: [
      "BOOTENV_READ",
      "BOOTENV_WRITE",
      "BOOTENV_CONFIG",
      "BOOTENV_DAMAGED",
      "BOOTENV_FULL",
      "BOOTENV_TOOL",
      "BOOT_ENTRIES",
      "SLOT_CONFIG",
      "SLOT_UNKNOWN",
      "SLOT_BUSY",
      "SLOT_IO",
      "SLOT_READBACK",
      "UBI_UPDATE",
    ],
  },
  {
    title: "The server does not show the device, or deploys nothing to it",
    look:
      "`switchback poll --now` asks at once and says what the server answers. Then compare the device type and the " +
      "Artifact name that the server shows with `switchback show-provides`.",
    codes: [
      "NOT_AUTHORIZED",
      "AUTHORIZATION_FAILED",
      "SERVER_UNREACHABLE",
      "SERVER_NOT_CONFIGURED",
      "SERVER_PLAIN_HTTP",
      "SERVER_STATUS",
      "SERVER_ANSWER",
      "SERVER_TIMEOUT",
      "SERVER_LOG_TOO_LARGE",
      "DEVICE_KEY",
      "DEVICE_KEY_WRITE",
      "IDENTITY_FAILED",
      "INVENTORY_FAILED",
      "DAEMON_MISSING",
      "DAEMON_RUNNING",
      "WORKER_LOST",
      "DEPLOYMENT_LOG",
      "SETUP_LOGIN",
      "SETUP_WRITE",
    ],
  },
  {
    title: "The Artifact name ends with _INCONSISTENT",
    look:
      "An update failed after it had changed something that the agent cannot undo: an update module without rollback, " +
      "a failed rollback, or a failed script after the commit. Install a complete, working release. Its commit removes " +
      "the ending.",
    codes: ["MODULE_FAILED", "MODULE_UNFINISHED"],
  },
  {
    title: "A state script or an update module fails",
    look:
      "Its output is in the log. Run `switchback state-scripts check DIR` for scripts, and `switchback adapter check " +
      "--kind payload FILE` for a module.",
    codes: [
      "SCRIPT_FOLDER",
      "SCRIPT_VERSION",
      "SCRIPT_START",
      "SCRIPT_TIMEOUT",
      "SCRIPT_RETRY_TIMEOUT",
      "MODULE_MISSING",
      "MODULE_ANSWER",
      "MODULE_STREAM",
      "MODULE_TREE_MISSING",
      "MODULE_TREE_IO",
      "BOARD_UNCONFINED",
    ],
  },
  {
    title: "A setting has no effect, or the configuration is refused",
    look:
      "The log warns about unknown keys and wrong types, and `switchback doctor` reports them. The main file overrides " +
      "the file on the data partition ([Configuration](../reference/configuration.md)).",
    codes: ["CONFIG_INVALID", "KEY_ENGINE_UNSUPPORTED", "CLI_USAGE", "LOG_FILE", "TOOLS_MISSING"],
  },
  {
    title: "The data partition makes trouble",
    look: "`switchback doctor` checks that it is mounted, writable and large enough.",
    codes: [
      "STORE_FULL",
      "STORE_READ",
      "STORE_WRITE",
      "STORE_DAMAGED",
      "STORE_NEWER",
      "BOOTSTRAP_INVALID",
      "LOCK_FAILED",
    ],
  },
  {
    title: "A program is missing on the device",
    look: "[Install the agent](../install.md#what-the-device-needs) lists the programs that the agent starts.",
    codes: ["PROCESS_MISSING", "PROCESS_START", "PROCESS_TIMEOUT", "PROCESS_OUTPUT"],
  },
  {
    title: "The Mender client cannot be replaced",
    look: "`switchback takeover --check` says why, and changes nothing ([Move from Mender](switch-from-mender.md)).",
    codes: ["TAKEOVER_PENDING", "TAKEOVER_RUNNING", "TAKEOVER_CONFLICT", "TAKEOVER_DAMAGED", "TAKEOVER_FORMAT"],
  },
];
