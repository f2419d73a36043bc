COMPATIBLE_MACHINE:vexpress-qemu = "^vexpress-qemu$"
KBUILD_DEFCONFIG:vexpress-qemu = "vexpress_defconfig"
KCONFIG_MODE:vexpress-qemu = "--alldefconfig"
