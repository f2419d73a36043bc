import type { Remedies } from "./section.ts";

export const BOOT = {
  BOOTENV_READ:
    "The details name the file or the tool, and what the tool said. Check that the path in `fw_env.config` exists, or " +
    "that the boot partition is mounted, and run the command as root.",
  BOOTENV_WRITE:
    "Mount the boot partition read-write, remove an immutable flag (`chattr -i`), and free space. Run `fw_setenv` or " +
    "`grub-mender-grubenv-set` by hand to see its message. If a write succeeds but does not stay, check the storage.",
  BOOTENV_CONFIG:
    "`file` and `reason` show what is wrong. For U-Boot, correct `fw_env.config`. For GRUB, mount the boot partition, or " +
    "set `ENV_DIR` in `/etc/mender_grubenv.config`.",
  BOOTENV_DAMAGED:
    "Compare `fw_env.config` with the offset and the size that U-Boot uses. If they match, run `saveenv` in U-Boot. For " +
    "GRUB, copy `mender_grubenv1` and `mender_grubenv2` from the image to the boot partition.",
  BOOTENV_FULL:
    "`needsBytes` and `sizeBytes` show the difference. Remove variables that are not needed. To enlarge the " +
    "environment, change the size in the boot loader and in `fw_env.config` together.",
  BOOTENV_CANARY:
    "Make `fw_env.config` name the place that U-Boot uses, and run `mender_setup` in the boot command. Then reboot, so " +
    "that the boot loader can set `mender_saveenv_canary`.",
  BOOTENV_TOOL:
    "Install the package that `package` names, or set `Switchback.Bootloader` to the boot loader of the board.",
  BOOT_ENTRIES:
    "`missing`, `reason` or `expected` shows the difference. [Boot loaders](boot-loaders.md) describes " + "the files.",
  BOOT_TRIAL_PENDING:
    "Run `switchback commit` or `switchback rollback`. If neither knows of an update, reboot: the boot loader then " +
    "returns to the old slot.",
  BOOT_REVERTED:
    "The new system did not start, or the device restarted before the commit. Look at the console or the journal of " +
    "that boot. The device runs the old system, and the agent has undone the update.",
  BOOT_MISMATCH:
    "Reboot. If the error stays, the boot loader does not follow the boot environment: run `switchback doctor`, and " +
    "check the boot script and the `root=` argument of the kernel.",
} satisfies Remedies;

export const SLOTS = {
  SLOT_CONFIG: "Set `RootfsPartA` and `RootfsPartB` to two partitions, such as `/dev/mmcblk0p2` and `/dev/mmcblk0p3`.",
  SLOT_UNKNOWN:
    "Compare the details with `findmnt /` and with the boot variables. Set `RootfsPartA` and `RootfsPartB` to the two " +
    "partitions that the boot loader uses.",
  SLOT_BUSY: "`reason` says why. If the slot is mounted, unmount it. If another program uses it, stop that program.",
  SLOT_TOO_SMALL: "Build a smaller image, or make the slots larger. Both slots should have the same size.",
  SLOT_IO:
    "Check that the device in `path` exists, and look for errors of the storage in `dmesg`. Run the command again; if " +
    "it fails at the same `offset`, replace the storage.",
  SLOT_READBACK:
    "Look for errors in `dmesg`, and run the update again. If it fails again, replace the storage. Do not turn off " +
    "`Switchback.VerifyReadback`: the slot would boot with damaged data.",
  UBI_UPDATE: "`stderr` shows the message of ubiupdatevol. Check `dmesg`, and install the package mtd-utils.",
} satisfies Remedies;

export const HOST = {
  STORE_READ: "Run the command as root. Mount the data partition, and check its filesystem (`fsck`).",
  STORE_WRITE:
    "Run the command as root. Mount the data partition read-write, free space, and remove an immutable flag " +
    "(`chattr -i`).",
  STORE_FULL: "Free space on the data partition, which `df` shows, and run the command again.",
  STORE_DAMAGED:
    "The agent moves the file to `switchback-store.damaged` and starts with an empty store, so it forgets a pending " +
    "update and what the device provides. Check the storage and the mount options of the data partition. If a command " +
    "stops with this code, the agent could not move the file: make the datastore writable.",
  STORE_NEWER:
    "The agent moves the file to `switchback-store.newer` and starts with an empty store. To use the old content, " +
    "install the newer agent and move the file back. If a command stops with this code, make the datastore writable.",
  AGENT_BUSY:
    "Wait for the other process, or stop it. `lock` names the lock file that it holds. If `pid` is set, an earlier run " +
    "left a program that cannot be killed: reboot the device.",
  LOCK_FAILED:
    "Install util-linux. Check that the folder of the lock exists and is writable; if `reason` says that a link leads " +
    "nowhere, mount the data partition.",
  LOCK_TIMEOUT: "`lock` names the file. Find the program that holds it with `fuser FILE`, and end it if it hangs.",
  PROCESS_MISSING: "Install the program that `program` names, or correct the `PATH` of the service.",
  PROCESS_START:
    "Check that the program is executable, that its interpreter exists, and that its filesystem is not mounted " +
    "`noexec`. The cause names the error of the system.",
  PROCESS_TIMEOUT: "Run the program that `program` names by hand, and find out why it hangs.",
  PROCESS_OUTPUT: "Correct the program so that it prints less, for example by redirecting its messages to a file.",
} satisfies Remedies;

export const VIRTUAL_BOARDS = {
  BOARD_EXISTS: "Name a new folder, or delete the old board.",
  BOARD_MISSING: "Check the path, or create a board with `switchback board create`.",
  BOARD_OFF: "Run `switchback board boot FOLDER`.",
  BOARD_FIRMWARE:
    "`reason` or the cause says what failed. Run the program by hand with the request that `request` shows; it must " +
    "answer within 30 seconds as the [adapter protocol](adapter-protocol.md) describes.",
  BOARD_IO: "Check that the user owns the files of the board, and that the disk has free space.",
  BOARD_UNCONFINED:
    "`reason` says what is missing. Install `unshare` (util-linux), run the command as root, or allow user namespaces. " +
    "Use `--on-this-machine` only on a machine that you can replace.",
  BOARD_IMAGE: "Choose another `--version` or a larger size.",
  BOARD_SIZE: "Write sizes as in `64M`, and make the slot at least as large as the image.",
} satisfies Remedies;

export const SNAPSHOTS = {
  DUMP_SOURCE: "Name the block device of the root filesystem with `--source`. `findmnt /` shows it.",
  DUMP_DATASTORE: "Move the datastore to a data partition, and copy the root filesystem without it.",
  DUMP_TARGET: "Send the copy over the network, for example with `ssh`, or write it to another filesystem.",
  DUMP_BROKEN:
    "The cause says why. Check the free space and the connection at the receiver, and run the command again.",
  DUMP_STALLED: "Check the connection and the program that reads the copy. It must not write to the frozen filesystem.",
  FREEZE_FAILED:
    "Run the command as root, and install util-linux. Some filesystems cannot be frozen: mount them read-only instead.",
  FREEZE_LOST: "Stop other programs that run `fsfreeze`, such as a backup, and run the command again.",
  THAW_FAILED:
    "Run `fsfreeze --unfreeze FOLDER` from a shell that is already open. If no program starts any more, press SysRq+J or " +
    "restart the device.",
} satisfies Remedies;

export const ADAPTERS = {
  ADAPTER_LOAD: "The cause says why. Check the path in the configuration, and that a program is executable.",
  ADAPTER_INVALID:
    "`missing` lists the functions or the greeting that the adapter lacks; `kind` and `wanted` show a wrong kind. A " +
    "program cannot be a payload adapter: use an update module.",
  ADAPTER_PROTOCOL: "Use an adapter for the version that `known` shows, or update the agent.",
  ADAPTER_ANSWER:
    "`request` names the request. Compare the reply with the [adapter protocol](adapter-protocol.md), and run " +
    "`switchback adapter check`.",
  ADAPTER_FAILED:
    "`said`, `error` or the cause shows what the adapter reported. Run the adapter by hand with the `request` that the message shows.",
  ADAPTER_TIMEOUT:
    "Find out what the adapter waits for. It may have a loop that never returns. `switchback adapter check --timeout` " +
    "changes the limit of a check.",
  ADAPTER_EXISTS: "Name another file, or delete the existing one.",
  ADAPTER_SANDBOX:
    "`file` names the file that changed, or `program` the program. The adapter must change files with ordinary system " +
    "calls, in its own process or in children that it waits for.",
} satisfies Remedies;
