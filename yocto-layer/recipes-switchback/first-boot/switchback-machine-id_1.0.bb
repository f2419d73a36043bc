SUMMARY = "Keeps the machine ID of systemd in the environment of the boot loader"
DESCRIPTION = "Both slots then start with the same ID: the boot loader passes it to the kernel."
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

SRC_URI = "file://switchback-machine-id file://switchback-machine-id.service"
S = "${UNPACKDIR}"

inherit systemd features_check

REQUIRED_DISTRO_FEATURES = "systemd"
# Only an image that has the feature asks for it, and for the programs that it needs.
EXCLUDE_FROM_WORLD = "1"
INHIBIT_DEFAULT_DEPS = "1"
# Where GRUB's environment is.
MENDER_BOOT_PART_MOUNT_LOCATION ??= "/boot/efi"

do_install() {
    install -d ${D}${libexecdir} ${D}${systemd_system_unitdir}
    sed -e 's#@BOOT@#${MENDER_BOOT_PART_MOUNT_LOCATION}#' ${UNPACKDIR}/switchback-machine-id > ${D}${libexecdir}/switchback-machine-id
    chmod 0755 ${D}${libexecdir}/switchback-machine-id
    sed -e 's#@PROGRAM@#${libexecdir}/switchback-machine-id#' ${UNPACKDIR}/switchback-machine-id.service \
        > ${D}${systemd_system_unitdir}/switchback-machine-id.service
}

FILES:${PN} += "${systemd_system_unitdir}"
SYSTEMD_SERVICE:${PN} = "switchback-machine-id.service"
RDEPENDS:${PN}:append:mender-uboot = " libubootenv-bin"
RDEPENDS:${PN}:append:mender-grub = " grub-editenv"
