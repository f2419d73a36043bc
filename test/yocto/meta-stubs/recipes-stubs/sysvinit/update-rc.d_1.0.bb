SUMMARY = "An update-rc.d that works below a folder, as far as an image needs it"
LICENSE = "CLOSED"
INHIBIT_DEFAULT_DEPS = "1"
SRC_URI = "file://update-rc.d"
S = "${UNPACKDIR}"
do_install() {
    install -D -m 0755 ${UNPACKDIR}/update-rc.d ${D}${sbindir}/update-rc.d
}
BBCLASSEXTEND = "native"
