import type { ErrorEntry } from "./error-entry.ts";

/** Failures below a port: boot environment, slots, storage, processes, transport. */
export const BOARD_ERRORS = {
  BOOTENV_READ: { doc: "Cannot read the boot environment." },
  BOOTENV_WRITE: { doc: "Cannot write the boot environment, or it does not hold what was written to it." },
  BOOTENV_CONFIG: {
    doc: "Cannot find the boot environment. fw_env.config or mender_grubenv.config is missing or wrong, or the boot partition is not mounted.",
  },
  BOOTENV_DAMAGED: {
    doc: "No copy of the boot environment is valid. Check the place and the size that are configured for it. If they are right, let the boot loader write it again (U-Boot: `saveenv`), or restore it as the build of the image made it (GRUB).",
  },
  BOOTENV_FULL: {
    doc: "The variables do not fit into the boot environment. Remove some, or enlarge it, also in the boot loader.",
  },
  BOOT_TRIAL_PENDING: {
    doc: "The running root filesystem is still on trial. Commit it or roll it back first.",
  },
  BOOT_REVERTED: { doc: "The boot loader reverted the update." },
  BOOT_MISMATCH: {
    doc: "The running root filesystem is not the one that the boot environment selects.",
  },
  PAYLOAD_FILES: { doc: "A rootfs-image payload must hold exactly one file." },
  SLOT_BUSY: { doc: "The slot is booted, mounted or in use, so the agent must not write it." },
  SLOT_TOO_SMALL: { doc: "The image is larger than the slot." },
  SLOT_IO: { retry: true, doc: "Reading or writing a slot failed." },
  SLOT_READBACK: {
    retry: true,
    doc: "The slot does not hold what the agent wrote: its storage loses or changes data. `offset` and `length` show where the first difference is. The agent did not activate the slot.",
  },
  UBI_UPDATE: { retry: true, doc: "The tool ubiupdatevol failed to write the UBI volume." },
  STORE_READ: { retry: true, doc: "Cannot read a file in the datastore." },
  STORE_WRITE: { retry: true, doc: "Cannot write a file in the datastore." },
  STORE_FULL: {
    retry: true,
    doc: "The data partition lacks the space that the agent needs to record a failed update. Nothing was changed. Free some space and try again.",
  },
  STORE_DAMAGED: { doc: "The agent's store is damaged." },
  STORE_NEWER: { doc: "A newer agent wrote the agent's store in a format that this agent cannot read." },
  AGENT_BUSY: { retry: true, doc: "Another Switchback process, or a program that it started, is still running." },
  LOCK_FAILED: {
    doc: "Cannot take the lock. This needs the program flock of the package util-linux or of busybox.",
  },
  LOCK_TIMEOUT: {
    retry: true,
    doc: "Another program held a lock for too long.",
  },
  PROCESS_MISSING: { doc: "A required program is not installed." },
  PROCESS_START: { doc: "Cannot start a program." },
  PROCESS_TIMEOUT: { retry: true, doc: "A program ran longer than its time limit, so the agent killed it." },
  PROCESS_OUTPUT: { doc: "A program wrote more output than its limit allows, so the agent ended it." },
  REBOOT_FAILED: { retry: true, doc: "The device did not reboot." },
  TRANSPORT_PROXY: { retry: true, doc: "The proxy refused the connection." },
  TLS_NO_TRUST: {
    doc: "Cannot load any trusted certificate, neither the system's nor ServerCertificate.",
  },
  TRANSPORT_ADDRESS: { doc: "The address is not valid, or it redirects to an address that is not allowed." },
  TRANSPORT_FAILED: { retry: true, doc: "The transfer failed." },
  BOOTENV_CANARY: {
    doc: "The boot loader has not proved that it reads this boot environment: fw_env.config names another place, or mender_setup does not run at boot.",
  },
  BOOTENV_TOOL: { doc: "A tool that reads and writes the boot environment is not installed." },
  BOOT_ENTRIES: {
    doc: "The files of systemd-boot do not fit. Each slot needs one entry, switchback-1-a.conf and switchback-1-b.conf; the two must not differ in a key that systemd-boot sorts by; and loader.conf must contain 'default switchback-*'.",
  },
  SLOT_CONFIG: {
    doc: "RootfsPartA and RootfsPartB must both be set and end in different partition numbers.",
  },
  SLOT_UNKNOWN: { doc: "The slot that runs, or the one that boots next, is neither RootfsPartA nor RootfsPartB." },
  MODULE_MISSING: {
    doc: "Update Module not found. It existed when the update began, and must be an executable file at that path again.",
  },
  MODULE_FAILED: { doc: "The update module failed." },
  MODULE_ANSWER: {
    doc: "The update module's answer is not valid for this question. An answer must be one line and nothing else.",
  },
  MODULE_UNFINISHED: {
    doc: "The update module started downloading, but did not finish.",
  },
  MODULE_STREAM: { doc: "Cannot open a stream to the update module." },
  MODULE_TREE_MISSING: {
    doc: "File tree does not exist. The update module has nothing to work with.",
  },
  MODULE_TREE_IO: { retry: true, doc: "Cannot read or write the file tree of an update module." },
  DEPLOYMENT_LOG: { doc: "Cannot write or read the log of a deployment." },
  BOARD_EXISTS: { doc: "The folder for the new virtual board is not empty." },
  BOARD_MISSING: { doc: "The folder does not hold a virtual board." },
  BOARD_OFF: {
    doc: "Nothing runs on the virtual board. Start it with `switchback board boot`.",
  },
  BOARD_FIRMWARE: {
    doc: "The program that plays the virtual board's firmware cannot be started, failed, did not answer in time, or gave an answer that is not valid. The board is in its previous state, except for what the program itself changed.",
  },
  BOARD_IO: { doc: "Cannot read or write a file of the virtual board." },
  BOARD_UNCONFINED: {
    doc: "This machine cannot give the program its own root filesystem, so the program could change the machine instead of the virtual board. Run the command as root or allow user namespaces, or let the program change this machine with --on-this-machine.",
  },
  BOARD_IMAGE: {
    doc: "The version of a board image must be 1 to 128 printable ASCII characters without spaces, and its size must be 512 bytes or more.",
  },
  BOARD_SIZE: {
    doc: "A size must be a number of bytes with or without K, M or G, and a slot must not be smaller than its image.",
  },
} as const satisfies Record<string, ErrorEntry>;
