SUMMARY = "Empty packages under the names that the image asks for"
LICENSE = "CLOSED"
INHIBIT_DEFAULT_DEPS = "1"
STUB_PACKAGES = "nodejs packagegroup-core-boot run-postinsts base-files-stub"
PACKAGES = "${STUB_PACKAGES}"
python __anonymous() {
    for name in d.getVar('STUB_PACKAGES').split():
        d.setVar('ALLOW_EMPTY:' + name, '1')
        if name != 'base-files-stub':
            d.setVar('FILES:' + name, '')
}
FILES:base-files-stub = "${sysconfdir}/fstab"
RDEPENDS:packagegroup-core-boot = "base-files-stub"
PROVIDES += "nodejs packagegroup-core-boot run-postinsts"
do_install() {
    install -d ${D}${sysconfdir}
    printf '/dev/root / auto defaults 1 1\nproc /proc proc defaults 0 0\n' > ${D}${sysconfdir}/fstab
}
