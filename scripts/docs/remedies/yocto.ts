import type { Remedies } from "./section.ts";

export const YOCTO = {
  YOCTO_VARIABLES_FILE:
    'Give a file such as `{"MACHINE": "my-board", "MENDER_ARTIFACT_NAME": "release-1"}`. All values are strings.',
  YOCTO_VARIABLE:
    "`variable` names the variable, `value` is what your configuration gives it, and `reason` or the cause says what is " +
    "wrong. [Variables of the Yocto layer](yocto-variables.md) describes each of them. `bitbake -e IMAGE` shows the " +
    "file that set the value.",
  YOCTO_VARIABLE_MISSING:
    "Set the variable that `variable` names in `local.conf` or in the configuration of your machine.",
  YOCTO_VARIABLE_RENAMED: "Replace `variable` by what `use` names, and check the unit of the new variable.",
  YOCTO_SPACE:
    "`needed` and `missingMb` are in MB. Set `MENDER_STORAGE_TOTAL_SIZE_MB` to the size of your medium, or make the boot, " +
    "data, swap or extra partitions smaller.",
  YOCTO_ROOTFS_SPACE:
    "`missingMb` is what a slot lacks, and `needed` is the size of a medium that would do. `agent` says what the agent " +
    "and Node take. Raise `MENDER_STORAGE_TOTAL_SIZE_MB`, make another partition smaller, lower " +
    "`IMAGE_OVERHEAD_FACTOR` or `IMAGE_ROOTFS_EXTRA_SPACE`, or leave packages out.",
  YOCTO_SCRIPT_NAME:
    "`reason` says which part of the name is wrong. Rename the script, or do not install other files to " +
    "`MENDER_STATE_SCRIPTS_DIR`.",
  YOCTO_UBOOT_CONFIG:
    "`problems` names each symbol, the value that it must have, and why. Add the fragment that `switchback yocto " +
    "environment` writes to the `SRC_URI` of U-Boot, or correct the variables of the layout.",
} satisfies Remedies;
