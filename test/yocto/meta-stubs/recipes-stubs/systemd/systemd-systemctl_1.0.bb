SUMMARY = "A systemctl that works below a folder, as far as an image needs it"
LICENSE = "CLOSED"
INHIBIT_DEFAULT_DEPS = "1"
SRC_URI = "file://systemctl"
S = "${UNPACKDIR}"
do_install() {
    install -D -m 0755 ${UNPACKDIR}/systemctl ${D}${bindir}/systemctl
}
BBCLASSEXTEND = "native"
