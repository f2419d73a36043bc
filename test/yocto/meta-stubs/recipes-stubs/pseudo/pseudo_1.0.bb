SUMMARY = "The host's pseudo under the names that OE-Core expects"
LICENSE = "CLOSED"
INHIBIT_DEFAULT_DEPS = "1"
PROVIDES += "virtual/fakeroot"
INHIBIT_SYSROOT_STRIP = "1"
STUB_LIBPSEUDO ??= "/usr/lib/x86_64-linux-gnu/pseudo/libpseudo.so"
do_install() {
    install -d ${D}${bindir} ${D}${prefix}/lib/pseudo/lib64
    for program in pseudo pseudodb pseudolog; do
        install -m 0755 /usr/bin/$program ${D}${bindir}/
    done
    install -m 0755 ${STUB_LIBPSEUDO} ${D}${prefix}/lib/pseudo/lib64/
    ln -s lib64 ${D}${prefix}/lib/pseudo/lib
}
BBCLASSEXTEND = "native"
