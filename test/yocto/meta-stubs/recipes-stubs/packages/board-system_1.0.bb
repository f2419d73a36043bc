SUMMARY = "The programs of a board that runs: a prepared tree, of which nothing is compiled here"
LICENSE = "CLOSED"
INHIBIT_DEFAULT_DEPS = "1"
PACKAGE_ARCH = "${MACHINE_ARCH}"
# Folder with the tree, such as scripts/yocto/bootable.ts makes it.
STUB_SYSTEM ??= ""
# The programs are finished, and what they need of each other is in the tree.
INHIBIT_PACKAGE_STRIP = "1"
INHIBIT_PACKAGE_DEBUG_SPLIT = "1"
SKIP_FILEDEPS = "1"
EXCLUDE_FROM_SHLIBS = "1"
SYSROOT_DIRS = ""
# To compress them takes minutes, and the image unpacks them again.
DPKG_BUILDCMD = "dpkg-deb -Znone"
do_package_qa[noexec] = "1"
do_install[vardeps] += "STUB_SYSTEM"
do_install() {
    if [ -n "${STUB_SYSTEM}" ]; then
        cp -R --no-dereference --preserve=mode,links ${STUB_SYSTEM}/. ${D}/
    fi
}
PACKAGES = "${PN}"
FILES:${PN} = "/"
