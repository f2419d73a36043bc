import type { ErrorEntry } from "./error-entry.ts";

/** What can fail below a port: boot environment, slots, storage, processes, transport. */
export const BOARD_ERRORS = {
  BOOTENV_READ: { doc: "The boot environment cannot be read." },
  BOOTENV_WRITE: { doc: "The boot environment does not hold what was written to it." },
  BOOTENV_CONFIG: {
    doc: "What says where the boot environment lies (fw_env.config, mender_grubenv.config) is missing or wrong.",
  },
  BOOTENV_DAMAGED: {
    doc: "No copy of the boot environment is valid. Check the place and the size that are configured for it; where they are right, let the boot loader write it anew (U-Boot: `saveenv`), or put it back as the build of the image made it (GRUB).",
  },
  BOOTENV_FULL: {
    doc: "The variables do not fit into the boot environment. Remove some, or enlarge it, also in the boot loader.",
  },
  BOOT_TRIAL_PENDING: {
    doc: "The running root filesystem is still on trial. Commit it or roll it back first.",
  },
  BOOT_REVERTED: { doc: "The boot loader reverted the update." },
  BOOT_MISMATCH: {
    doc: "The running root filesystem is not the one that the boot environment names.",
  },
  PAYLOAD_FILES: { doc: "A rootfs-image payload holds exactly one file; this one does not." },
  SLOT_BUSY: { doc: "The slot is booted or mounted and must not be written." },
  SLOT_TOO_SMALL: { doc: "The image is larger than the slot." },
  SLOT_IO: { retry: true, doc: "Reading or writing a slot failed." },
  SLOT_READBACK: {
    retry: true,
    doc: "The slot does not hold what was written to it: its storage loses or changes data. `offset` and `length` say where it was noticed first. The boot loader has not been told of the slot.",
  },
  UBI_UPDATE: { retry: true, doc: "The tool ubiupdatevol could not write the UBI volume." },
  STORE_READ: { retry: true, doc: "The agent's store cannot be read." },
  STORE_WRITE: { retry: true, doc: "The agent's store cannot be written." },
  STORE_FULL: {
    retry: true,
    doc: "The data partition has no room for what the agent must still be able to record if the update fails. Nothing was changed. Free some space and try again.",
  },
  STORE_DAMAGED: { doc: "The agent's store is damaged." },
  STORE_NEWER: { doc: "A newer agent has written the agent's store, in a form of which this one can read nothing." },
  AGENT_BUSY: { retry: true, doc: "Another Switchback process is at work." },
  LOCK_FAILED: {
    doc: "The lock cannot be taken. It needs the program flock of the package util-linux (busybox has one, too).",
  },
  LOCK_TIMEOUT: {
    retry: true,
    doc: "Another program holds a lock for too long.",
  },
  PROCESS_MISSING: { doc: "A program that is needed is not installed." },
  PROCESS_START: { doc: "A program cannot be started." },
  PROCESS_TIMEOUT: { retry: true, doc: "A program ran longer than it may and was killed." },
  PROCESS_OUTPUT: { doc: "A program wrote more than it may and was ended." },
  REBOOT_FAILED: { retry: true, doc: "The device did not reboot." },
  TRANSPORT_PROXY: { retry: true, doc: "The proxy refused." },
  TLS_NO_TRUST: {
    doc: "Neither the system's certificates nor ServerCertificate can be used.",
  },
  TRANSPORT_ADDRESS: { doc: "The address cannot be used, or leads to one that cannot." },
  TRANSPORT_FAILED: { retry: true, doc: "The transfer failed." },
  BOOTENV_CANARY: {
    doc: "The boot loader has not proved that it reads this boot environment: fw_env.config points elsewhere, or mender_setup does not run at boot.",
  },
  BOOTENV_TOOL: { doc: "A tool that reads and writes the boot environment is not installed." },
  BOOT_ENTRIES: {
    doc: "There must be one entry of systemd-boot for each slot, switchback-1-a.conf and switchback-1-b.conf, that differ in nothing it sorts by but their names, and 'default switchback-*' in loader.conf.",
  },
  SLOT_CONFIG: {
    doc: "RootfsPartA and RootfsPartB must both be set and end in different partition numbers.",
  },
  SLOT_UNKNOWN: { doc: "What runs or what boots next is neither RootfsPartA nor RootfsPartB." },
  MODULE_MISSING: {
    doc: "Update Module not found: it was there when the update began, and has to be an executable file at that path again.",
  },
  MODULE_FAILED: { doc: "The update module failed." },
  MODULE_ANSWER: {
    doc: "The update module's answer is none that this question has. An answer is one line and nothing else.",
  },
  MODULE_UNFINISHED: {
    doc: "The update module started downloading, but did not finish.",
  },
  MODULE_STREAM: { doc: "A stream to the update module cannot be opened." },
  MODULE_TREE_MISSING: {
    doc: "File tree does not exist: the update module has nothing to work with.",
  },
  MODULE_TREE_IO: { retry: true, doc: "The file tree of an update module cannot be read or written." },
  DEPLOYMENT_LOG: { doc: "The log of a deployment cannot be written or read." },
  BOARD_EXISTS: { doc: "The folder for a new virtual board is not empty." },
  BOARD_MISSING: { doc: "The folder does not hold a virtual board." },
  BOARD_OFF: {
    doc: "Nothing runs on the virtual board. Start it with `switchback board boot`.",
  },
  BOARD_FIRMWARE: {
    doc: "The program that plays the virtual board's firmware cannot be started, has failed, has not answered in time, or has given an answer that does not fit. The board is as it was before, but for what the program itself has changed.",
  },
  BOARD_IO: { doc: "A file of the virtual board cannot be read or written." },
  BOARD_UNCONFINED: {
    doc: "This machine cannot give the program a root file system of its own, so the program could change the machine instead of the virtual board. Run the command as root or allow user namespaces, or let the program change this machine with --on-this-machine.",
  },
  BOARD_IMAGE: {
    doc: "A board image has a version of 1 to 128 printable ASCII characters and a size of 512 bytes or more.",
  },
  BOARD_SIZE: {
    doc: "A size is a number of bytes with or without K, M or G, and a slot is no smaller than its image.",
  },
} as const satisfies Record<string, ErrorEntry>;
