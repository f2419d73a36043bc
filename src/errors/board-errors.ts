import type { ErrorEntry } from "./catalogue.ts";

/** What can fail below a port: boot environment, slots, storage, processes, transport. */
export const BOARD_ERRORS = {
  BOOTENV_READ: { retry: false, exit: 1, doc: "The boot environment cannot be read." },
  BOOTENV_WRITE: { retry: false, exit: 1, doc: "The boot environment does not hold what was written to it." },
  BOOT_TRIAL_PENDING: {
    retry: false,
    exit: 1,
    doc: "The running root filesystem is still on trial. Commit it or roll it back first.",
  },
  BOOT_REVERTED: { retry: false, exit: 1, doc: "The boot loader reverted the update." },
  BOOT_MISMATCH: {
    retry: false,
    exit: 1,
    doc: "The running root filesystem is not the one that the boot environment names.",
  },
  PAYLOAD_FILES: { retry: false, exit: 1, doc: "A rootfs-image payload holds exactly one file; this one does not." },
  SLOT_BUSY: { retry: false, exit: 1, doc: "The slot is booted or mounted and must not be written." },
  SLOT_TOO_SMALL: { retry: false, exit: 1, doc: "The image is larger than the slot." },
  SLOT_IO: { retry: true, exit: 1, doc: "Reading or writing a slot failed." },
  SLOT_READBACK: {
    retry: true,
    exit: 1,
    doc: "The slot does not hold what was written to it: its storage loses or changes data. The boot loader has not been told of it.",
  },
  STORE_READ: { retry: true, exit: 1, doc: "The agent's store cannot be read." },
  STORE_WRITE: { retry: true, exit: 1, doc: "The agent's store cannot be written." },
  STORE_DAMAGED: { retry: false, exit: 1, doc: "The agent's store is damaged." },
  AGENT_BUSY: { retry: true, exit: 1, doc: "Another Switchback process is at work." },
  LOCK_FAILED: {
    retry: false,
    exit: 1,
    doc: "The lock cannot be taken. It needs the program flock of the package util-linux (busybox has one, too).",
  },
  PROCESS_MISSING: { retry: false, exit: 1, doc: "A program that is needed is not installed." },
  PROCESS_START: { retry: false, exit: 1, doc: "A program cannot be started." },
  PROCESS_TIMEOUT: { retry: true, exit: 1, doc: "A program ran longer than it may and was killed." },
  REBOOT_FAILED: { retry: true, exit: 1, doc: "The device did not reboot." },
  TRANSPORT_FAILED: { retry: true, exit: 1, doc: "The transfer failed." },
  BOOTENV_CANARY: {
    retry: false,
    exit: 1,
    doc: "The boot loader has not proved that it reads this boot environment: fw_env.config points elsewhere, or mender_setup does not run at boot.",
  },
  BOOTENV_TOOL: { retry: false, exit: 1, doc: "A tool that reads and writes the boot environment is not installed." },
  SLOT_CONFIG: {
    retry: false,
    exit: 1,
    doc: "RootfsPartA and RootfsPartB must both be set and end in different partition numbers.",
  },
  SLOT_UNKNOWN: { retry: false, exit: 1, doc: "What runs or what boots next is neither RootfsPartA nor RootfsPartB." },
  MODULE_MISSING: {
    retry: false,
    exit: 1,
    doc: "Update Module not found: the folder of the modules holds no executable file with the name of this payload's type.",
  },
  MODULE_FAILED: { retry: false, exit: 1, doc: "The update module failed." },
  MODULE_ANSWER: {
    retry: false,
    exit: 1,
    doc: "The update module's answer is none that this question has. An answer is one line and nothing else.",
  },
  MODULE_UNFINISHED: {
    retry: false,
    exit: 1,
    doc: "The update module started downloading, but did not finish.",
  },
  MODULE_STREAM: { retry: false, exit: 1, doc: "A stream to the update module cannot be opened." },
  MODULE_TREE_MISSING: {
    retry: false,
    exit: 1,
    doc: "File tree does not exist: the update module has nothing to work with.",
  },
  MODULE_TREE_IO: { retry: true, exit: 1, doc: "The file tree of an update module cannot be read or written." },
  BOARD_EXISTS: { retry: false, exit: 1, doc: "The folder for a new virtual board is not empty." },
  BOARD_MISSING: { retry: false, exit: 1, doc: "The folder does not hold a virtual board." },
  BOARD_OFF: {
    retry: false,
    exit: 1,
    doc: "Nothing runs on the virtual board. Start it with `switchback board boot`.",
  },
  BOARD_IO: { retry: false, exit: 1, doc: "A file of the virtual board cannot be read or written." },
  BOARD_IMAGE: {
    retry: false,
    exit: 1,
    doc: "A board image has a version of 1 to 128 printable ASCII characters and a size of 512 bytes or more.",
  },
  BOARD_SIZE: {
    retry: false,
    exit: 1,
    doc: "A size is a number of bytes with or without K, M or G, and a slot is no smaller than its image.",
  },
} as const satisfies Record<string, ErrorEntry>;
