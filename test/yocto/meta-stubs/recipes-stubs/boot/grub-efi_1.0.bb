SUMMARY = "GRUB as an EFI program, under the name that grub-efi deploys"
LICENSE = "CLOSED"
INHIBIT_DEFAULT_DEPS = "1"
PACKAGE_ARCH = "${MACHINE_ARCH}"
# As in OE-Core's recipe. The layer's append adds to it.
GRUB_BUILDIN ?= "boot linux ext2 fat serial part_msdos part_gpt normal \
                 efi_gop iso9660 configfile search loadenv test"
inherit deploy
# From the modules of the host's GRUB, with the first commands of OE-Core's recipe.
do_compile() {
    # shellcheck disable=SC2016
    printf 'search --file --set=root --hint-efi=$cmdpath /EFI/BOOT/grub.cfg\nset prefix=($root)/EFI/BOOT\n' > ${B}/cfg
    grub-mkimage -c ${B}/cfg -p /EFI/BOOT -O x86_64-efi -o ${B}/bootx64.efi ${GRUB_BUILDIN}
}
do_deploy() {
    install -m 0644 ${B}/bootx64.efi ${DEPLOYDIR}/grub-efi-bootx64.efi
}
addtask deploy after do_compile before do_build
ALLOW_EMPTY:${PN} = "1"
