SUMMARY = "Enlarges the data partition to the end of the medium"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

SRC_URI = "file://switchback-grow-data file://switchback-grow-data.service"
S = "${UNPACKDIR}"

inherit systemd allarch features_check

REQUIRED_DISTRO_FEATURES = "systemd"
# Only an image that has the feature asks for it, and for the programs that it needs.
EXCLUDE_FROM_WORLD = "1"
INHIBIT_DEFAULT_DEPS = "1"
MENDER_DATA_PART_MOUNT_LOCATION ??= "/data"

do_install() {
    install -d ${D}${libexecdir} ${D}${systemd_system_unitdir}
    install -m 0755 ${UNPACKDIR}/switchback-grow-data ${D}${libexecdir}/
    sed -e 's#@PROGRAM@#${libexecdir}/switchback-grow-data#' -e 's#@MOUNT@#${MENDER_DATA_PART_MOUNT_LOCATION}#' \
        ${UNPACKDIR}/switchback-grow-data.service > ${D}${systemd_system_unitdir}/switchback-grow-data.service
}

FILES:${PN} += "${systemd_system_unitdir}"
SYSTEMD_SERVICE:${PN} = "switchback-grow-data.service"
RDEPENDS:${PN} = "e2fsprogs-resize2fs util-linux-findmnt util-linux-partx util-linux-sfdisk"
