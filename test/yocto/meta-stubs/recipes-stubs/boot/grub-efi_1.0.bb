SUMMARY = "Files under the names that grub-efi deploys"
LICENSE = "CLOSED"
INHIBIT_DEFAULT_DEPS = "1"
PACKAGE_ARCH = "${MACHINE_ARCH}"
inherit deploy
do_deploy() {
    printf 'not a real %s\n' grub-efi-bootx64.efi > ${DEPLOYDIR}/grub-efi-bootx64.efi
}
addtask deploy after do_compile before do_build
ALLOW_EMPTY:${PN} = "1"
