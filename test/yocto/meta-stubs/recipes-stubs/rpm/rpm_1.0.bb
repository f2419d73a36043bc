SUMMARY = "The host's rpmdeps, which do_package asks for dependencies between files"
LICENSE = "CLOSED"
INHIBIT_DEFAULT_DEPS = "1"
do_install() {
    install -d ${D}${libdir}/rpm
    printf '#!/bin/sh\nexec /usr/lib/rpm/rpmdeps "$@"\n' > ${D}${libdir}/rpm/rpmdeps
    chmod 0755 ${D}${libdir}/rpm/rpmdeps
}
BBCLASSEXTEND = "native"
