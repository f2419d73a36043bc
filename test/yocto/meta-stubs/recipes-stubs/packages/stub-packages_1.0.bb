SUMMARY = "Empty packages under the names that the image asks for"
LICENSE = "CLOSED"
INHIBIT_DEFAULT_DEPS = "1"
STUB_PACKAGES = "nodejs packagegroup-core-boot run-postinsts base-files-stub \
    kernel-image e2fsprogs-resize2fs util-linux-findmnt util-linux-partx util-linux-sfdisk util-linux-flock \
    ca-certificates xz zstd libubootenv-bin grub-editenv initscripts"
PACKAGES = "${STUB_PACKAGES}"
python __anonymous() {
    for name in d.getVar('STUB_PACKAGES').split():
        d.setVar('ALLOW_EMPTY:' + name, '1')
        if name != 'base-files-stub':
            d.setVar('FILES:' + name, '')
}
FILES:base-files-stub = "${sysconfdir}/fstab"
# Package with the programs and /etc/fstab.
STUB_BASE ??= "base-files-stub"
RDEPENDS:packagegroup-core-boot = "${STUB_BASE}"
PROVIDES += "nodejs packagegroup-core-boot run-postinsts initscripts"
do_install() {
    install -d ${D}${sysconfdir}
    printf '/dev/root / auto defaults 1 1\nproc /proc proc defaults 0 0\n' > ${D}${sysconfdir}/fstab
}
