SUMMARY = "Files under the names that linux-yocto deploys"
LICENSE = "CLOSED"
INHIBIT_DEFAULT_DEPS = "1"
PROVIDES += "virtual/kernel"
PACKAGE_ARCH = "${MACHINE_ARCH}"
inherit deploy
do_deploy() {
    printf 'not a real %s\n' bzImage > ${DEPLOYDIR}/bzImage
}
addtask deploy after do_compile before do_build
ALLOW_EMPTY:${PN} = "1"
