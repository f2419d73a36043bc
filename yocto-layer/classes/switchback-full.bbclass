# The usual set of features. In local.conf or in the configuration of the distribution:
#
#   INHERIT += "switchback-full"
#
# The boot loader follows from the machine: GRUB for PCs, U-Boot for others. MENDER_FEATURES_DISABLE takes one away.

inherit switchback-features

SWITCHBACK_FULL_BOOT ??= "${SWITCHBACK_FULL_BOOT_DEFAULT}"
SWITCHBACK_FULL_BOOT_DEFAULT = "mender-uboot mender-image-sd"
SWITCHBACK_FULL_BOOT_DEFAULT:x86 = "mender-grub mender-image-gpt"
SWITCHBACK_FULL_BOOT_DEFAULT:x86-64 = "mender-grub mender-image-gpt"
MENDER_FEATURES_ENABLE:append = " \
    switchback-full \
    mender-image \
    mender-client-install \
    ${SWITCHBACK_FULL_BOOT} \
    ${@bb.utils.contains('DISTRO_FEATURES', 'systemd', 'mender-systemd mender-growfs-data', '', d)} \
"

# Values of the boards that the layer knows.
include conf/switchback/${MACHINE}.inc

IMAGE_CLASSES += "switchback-image"

# Both boot loaders load the kernel from /boot of the slot.
MACHINE_ESSENTIAL_EXTRA_RDEPENDS:append = " kernel-image"
MACHINE_ESSENTIAL_EXTRA_RRECOMMENDS:append:mender-uboot = " kernel-devicetree"
