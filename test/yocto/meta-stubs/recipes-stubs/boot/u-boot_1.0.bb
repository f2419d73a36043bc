SUMMARY = "Files under the names that u-boot deploys"
LICENSE = "CLOSED"
INHIBIT_DEFAULT_DEPS = "1"
PACKAGE_ARCH = "${MACHINE_ARCH}"
PROVIDES += "virtual/bootloader"
inherit deploy
do_deploy() {
    printf 'not a real u-boot\n' > ${DEPLOYDIR}/u-boot.bin
    printf 'bootdelay=1\nbootcmd=run distro_bootcmd\n' > ${DEPLOYDIR}/u-boot-initial-env
}
addtask deploy after do_compile before do_build
ALLOW_EMPTY:${PN} = "1"
